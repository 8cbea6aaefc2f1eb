SELECT count(*) AS uploads FROM files
WHERE job_id IS NULL
  AND created_at < now() - make_interval(days => %(days)s)
  AND NOT EXISTS (SELECT FROM job_inputs WHERE job_inputs.file_id = files.id)
