-- Jobs whose artifact an unfinished job still reads stay until that job is done.
SELECT id FROM jobs
WHERE status IN ('completed', 'failed', 'cancelled')
  AND coalesce(completed_at, failed_at, cancelled_at) < now() - make_interval(days => %(days)s)
  AND (%(organization_id)s::uuid IS NULL OR organization_id = %(organization_id)s)
  AND NOT EXISTS (
    SELECT FROM files
    JOIN job_inputs ON job_inputs.file_id = files.id
    JOIN jobs AS reader ON reader.id = job_inputs.job_id
    WHERE files.job_id = jobs.id AND reader.status IN ('pending', 'active')
  )
ORDER BY id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
