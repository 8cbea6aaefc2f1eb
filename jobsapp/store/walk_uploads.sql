-- A part of the organisation's files, from the oldest on, and which of them are uploads that no job reads
-- and no schedule will.
WITH walked AS MATERIALIZED (
  SELECT id, job_id, created_at FROM files
  WHERE organization_id = ANY(ARRAY[%(organization_id)s]::uuid[]) AND id > %(after)s AND id < %(before)s
  ORDER BY organization_id, id
  LIMIT %(window)s
), due AS (
  SELECT id FROM walked
  WHERE job_id IS NULL AND created_at < now() - make_interval(days => %(days)s)
    AND NOT EXISTS (SELECT FROM job_inputs WHERE job_inputs.file_id = walked.id)
    AND NOT EXISTS (
      SELECT FROM schedule_inputs AS named JOIN schedules ON schedules.id = named.schedule_id
      WHERE named.file_id = walked.id AND schedules.ended_at IS NULL
    )
  ORDER BY id
  LIMIT %(limit)s
)
SELECT ARRAY(SELECT id FROM due ORDER BY id) AS due, (SELECT count(*) FROM walked) AS seen,
  (SELECT id FROM walked ORDER BY id DESC LIMIT 1) AS last_id
