-- Runs after lock_unread_uploads, in its transaction: a new snapshot shows who began to read one, or to name it in a schedule,
-- before it was locked.
DELETE FROM files
WHERE id = ANY(%(ids)s)
  AND NOT EXISTS (SELECT FROM job_inputs WHERE job_inputs.file_id = files.id)
  AND NOT EXISTS (
    SELECT FROM schedule_inputs AS named JOIN schedules ON schedules.id = named.schedule_id
    WHERE named.file_id = files.id AND schedules.ended_at IS NULL
  )
RETURNING id
