-- Those that these jobs depend on have changed: pages show what depends on a job. Who is being written is told of anyway,
-- and of one that has ended its end would be told twice.
WITH parent AS MATERIALIZED (
  SELECT id FROM jobs
  WHERE id IN (SELECT parent_id FROM job_dependencies WHERE job_id = ANY(%(jobs)s::uuid[]) LIMIT %(limit)s)
    AND status IN ('pending', 'active')
  ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE jobs SET revision = revision + 1 FROM parent WHERE jobs.id = parent.id
RETURNING jobs.id, organization_id, queue, jobs.status, revision, false AS due
