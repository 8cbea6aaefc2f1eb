-- Runs after lock_unread_uploads, in its transaction: a new snapshot shows who began to read one before it was locked.
DELETE FROM files
WHERE id = ANY(%(ids)s) AND NOT EXISTS (SELECT FROM job_inputs WHERE job_inputs.file_id = files.id)
RETURNING id
