-- Jobs whose artifact an unfinished job still reads stay until that job is done.
WITH old AS (
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
), made AS (
  DELETE FROM files USING old WHERE files.job_id = old.id RETURNING files.id
), read AS (
  DELETE FROM files USING job_inputs AS mine, old
  WHERE mine.job_id = old.id AND files.id = mine.file_id AND files.job_id IS NULL
    AND NOT EXISTS (
      SELECT FROM job_inputs AS other
      WHERE other.file_id = files.id AND other.job_id NOT IN (SELECT id FROM old)
    )
  RETURNING files.id
), gone AS (
  DELETE FROM jobs USING old WHERE jobs.id = old.id RETURNING jobs.id
)
SELECT (SELECT count(*) FROM gone) AS deleted,
  ARRAY(SELECT id FROM made UNION SELECT id FROM read) AS file_ids
