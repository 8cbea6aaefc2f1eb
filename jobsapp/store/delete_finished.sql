-- Runs after lock_due or lock_chosen, and lock_files_of_jobs, in their transaction. What they found is asked again: only a new
-- snapshot shows the jobs that began to read a file, or to depend on a job, before it was locked.
WITH old AS (
  SELECT picked.id FROM unnest(%(job_ids)s::uuid[]) AS picked (id)
  WHERE NOT EXISTS (
    SELECT FROM files
    JOIN job_inputs ON job_inputs.file_id = files.id
    JOIN jobs AS reader ON reader.id = job_inputs.job_id
    WHERE files.job_id = picked.id AND reader.status IN ('pending', 'active')
  )
  AND NOT EXISTS (
    SELECT FROM job_dependencies AS edge JOIN jobs AS child ON child.id = edge.job_id
    WHERE edge.parent_id = picked.id AND child.status IN ('pending', 'active')
  )
  AND NOT EXISTS (
    SELECT FROM files
    JOIN schedule_inputs AS named ON named.file_id = files.id
    JOIN schedules ON schedules.id = named.schedule_id
    WHERE files.job_id = picked.id AND schedules.ended_at IS NULL
  )
  -- Its workflow has not heard of its end yet.
  AND NOT EXISTS (SELECT FROM workflow_steps AS step WHERE step.job_id = picked.id AND step.state = 'running')
), made AS (
  DELETE FROM files USING old WHERE files.job_id = old.id RETURNING files.id
), read AS (
  DELETE FROM files USING job_inputs AS mine, old
  WHERE mine.job_id = old.id AND files.id = mine.file_id AND files.job_id IS NULL
    AND NOT EXISTS (
      SELECT FROM job_inputs AS other
      WHERE other.file_id = files.id AND other.job_id NOT IN (SELECT id FROM old)
    )
    AND NOT EXISTS (
      SELECT FROM schedule_inputs AS named JOIN schedules ON schedules.id = named.schedule_id
      WHERE named.file_id = files.id AND schedules.ended_at IS NULL
    )
  RETURNING files.id
), own_inputs AS (
  DELETE FROM job_inputs USING old WHERE job_inputs.job_id = old.id
), lost_inputs AS (
  -- Finished jobs that are not old yet lose the artifacts they read.
  DELETE FROM job_inputs USING made
  WHERE job_inputs.file_id = made.id AND job_inputs.job_id NOT IN (SELECT id FROM old)
), gone AS (
  DELETE FROM jobs USING old WHERE jobs.id = old.id RETURNING jobs.id, jobs.organization_id
)
SELECT (SELECT count(*) FROM gone) AS deleted,
  ARRAY(SELECT id FROM made UNION SELECT id FROM read) AS file_ids,
  ARRAY(SELECT id FROM gone ORDER BY id) AS job_ids,
  ARRAY(SELECT organization_id FROM gone ORDER BY id) AS organization_ids
