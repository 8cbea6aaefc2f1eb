-- Why jobs of a batch failed, by type and message of the error, most first; of each one job. Numbers in a message do not
-- make it another one.
WITH failed AS (
  SELECT id, error ->> 'type' AS type, error ->> 'message' AS message
  FROM jobs
  WHERE batch_id = %(id)s AND organization_id = %(organization_id)s AND status = 'failed'
  ORDER BY batch_id, id DESC LIMIT %(most)s
)
SELECT coalesce(type, '') AS type, (array_agg(coalesce(message, '') ORDER BY id DESC))[1] AS message,
  count(*)::int AS jobs, (array_agg(id ORDER BY id DESC))[1] AS job_id
FROM failed
GROUP BY coalesce(type, ''), regexp_replace(left(coalesce(message, ''), 200), '[0-9]+', '0', 'g')
ORDER BY jobs DESC, job_id DESC LIMIT %(limit)s
