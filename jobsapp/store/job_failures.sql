-- The errors that jobs failed with since an hour, the latest first, each with one of its last jobs if that is still
-- there and failed.
SELECT found.*, jobs.id AS job_id, jobs.name AS job_name
FROM (
  SELECT type, error_type, sum(every.jobs)::bigint AS failures, max(last_at) AS last_at,
    (array_agg(last_job_id ORDER BY last_at DESC, place DESC))[1] AS last_job_id
  FROM (
    SELECT type, error_type, jobs, last_at, last_job_id, 0 AS place FROM job_failures
    WHERE organization_id = %(organization_id)s AND hour >= %(since)s
    UNION ALL
    SELECT type, error_type, ended, minute, last_job_id, id FROM job_tallies
    WHERE organization_id = %(organization_id)s AND error_type IS NOT NULL AND ended > 0 AND minute >= %(since)s
  ) AS every
  WHERE %(type)s::text IS NULL OR type = %(type)s
  GROUP BY type, error_type
  ORDER BY max(last_at) DESC, failures DESC
  LIMIT %(limit)s
) AS found
LEFT JOIN jobs ON jobs.id = last_job_id AND jobs.status = 'failed' AND jobs.organization_id = %(organization_id)s
ORDER BY last_at DESC, failures DESC
