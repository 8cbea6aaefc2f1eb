-- What these jobs made or read. A job that is being created holds its inputs by their foreign key: once this returns,
-- such jobs are committed, and others wait. One order for all who lock several files, so that none waits in a circle.
SELECT id FROM files
WHERE id IN (
  SELECT made.id FROM files AS made WHERE made.job_id = ANY(%(job_ids)s)
  UNION ALL
  SELECT file_id FROM job_inputs WHERE job_id = ANY(%(job_ids)s)
)
ORDER BY id
FOR UPDATE
