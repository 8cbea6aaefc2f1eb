SELECT count(*) AS uploads FROM files
WHERE job_id IS NULL
  AND created_at < now() - make_interval(days => %(days)s)
  AND NOT EXISTS (SELECT FROM job_inputs WHERE job_inputs.file_id = files.id)
  AND NOT EXISTS (
    SELECT FROM schedule_inputs AS named JOIN schedules ON schedules.id = named.schedule_id
    WHERE named.file_id = files.id AND schedules.ended_at IS NULL
  )
