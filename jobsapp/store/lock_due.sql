-- Of jobs that a walk found: whoever changes one of them keeps it. Those on which an unfinished job depends, or whose
-- artifact it still reads, stay until that job is done; one whose artifact a schedule names, until that has ended.
SELECT id FROM jobs
WHERE id = ANY(%(ids)s::uuid[]) AND organization_id = %(organization_id)s AND status = ANY(%(statuses)s)
  AND coalesce(completed_at, failed_at, cancelled_at) < now() - make_interval(days => %(days)s)
  AND NOT EXISTS (
    SELECT FROM files
    JOIN job_inputs ON job_inputs.file_id = files.id
    JOIN jobs AS reader ON reader.id = job_inputs.job_id
    WHERE files.job_id = jobs.id AND reader.status IN ('pending', 'active')
  )
  AND NOT EXISTS (
    SELECT FROM job_dependencies AS edge JOIN jobs AS child ON child.id = edge.job_id
    WHERE edge.parent_id = jobs.id AND child.status IN ('pending', 'active')
  )
  AND NOT EXISTS (
    SELECT FROM files
    JOIN schedule_inputs AS named ON named.file_id = files.id
    JOIN schedules ON schedules.id = named.schedule_id
    WHERE files.job_id = jobs.id AND schedules.ended_at IS NULL
  )
  -- Its workflow has not heard of its end yet.
  AND NOT EXISTS (SELECT FROM workflow_steps AS step WHERE step.job_id = jobs.id AND step.state = 'running')
ORDER BY id
FOR UPDATE SKIP LOCKED
