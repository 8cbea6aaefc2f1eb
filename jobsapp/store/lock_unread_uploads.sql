-- Waits for jobs that are being created with one of them. One order, as in lock_files_of_jobs.
SELECT id FROM files
WHERE job_id IS NULL
  AND created_at < now() - make_interval(days => %(days)s)
  AND NOT EXISTS (SELECT FROM job_inputs WHERE job_inputs.file_id = files.id)
  AND NOT EXISTS (
    SELECT FROM schedule_inputs AS named JOIN schedules ON schedules.id = named.schedule_id
    WHERE named.file_id = files.id AND schedules.ended_at IS NULL
  )
ORDER BY id
LIMIT %(limit)s
FOR UPDATE
