-- As walk_jobs, along jobs_of_type.
WITH walked AS MATERIALIZED (
  SELECT id, status, coalesce(completed_at, failed_at, cancelled_at) AS ended_at FROM jobs
  WHERE type = ANY(ARRAY[%(type)s]::varchar[]) AND organization_id = %(organization_id)s
    AND id > %(after)s AND id < %(before)s
  ORDER BY type DESC, id
  LIMIT %(window)s
), due AS (
  SELECT id FROM walked
  WHERE status = ANY(%(statuses)s) AND ended_at < now() - make_interval(days => %(days)s)
  ORDER BY id
  LIMIT %(limit)s
)
SELECT ARRAY(SELECT id FROM due ORDER BY id) AS due, (SELECT count(*) FROM walked) AS seen,
  (SELECT id FROM walked ORDER BY id DESC LIMIT 1) AS last_id
