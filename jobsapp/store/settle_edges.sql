-- These dependencies, which are locked, are settled: who waits for nothing more may run; who was to end with a parent
-- ends. First the row that waits, as a claim and a cancel do it. Who waits for fewer has changed: somebody may look on.
WITH edge AS MATERIALIZED (
  SELECT * FROM unnest(
    %(jobs)s::uuid[], %(parents)s::uuid[], %(statuses)s::text[], %(ends)s::text[], %(reasons)s::text[]
  ) AS edge (job_id, parent_id, status, ends, reason)
), child AS MATERIALIZED (
  SELECT job_id, count(*) AS parents, min(ends) AS ends,
    (array_agg(reason ORDER BY parent_id) FILTER (WHERE ends IS NOT NULL))[1] AS reason
  FROM edge GROUP BY job_id
), line AS MATERIALIZED (
  -- One by one along the index, in order: what is looked for is few, however many wait, and a planner that guesses how
  -- many they are compares each with each, or reads all that wait.
  SELECT child.* FROM (SELECT * FROM child ORDER BY job_id) AS child
  CROSS JOIN LATERAL (SELECT 1 FROM job_queue WHERE job_queue.job_id = child.job_id FOR UPDATE) AS waiting
), settled AS (
  UPDATE job_dependencies AS mine SET
    settled = edge.status, decisive = edge.ends IS NOT NULL AND edge.job_id IN (SELECT job_id FROM line)
  FROM edge WHERE mine.job_id = edge.job_id AND mine.parent_id = edge.parent_id
), freed AS (
  -- It is due since now, whenever it was created.
  UPDATE job_queue SET
    blockers = greatest(0, blockers - line.parents),
    run_at = CASE WHEN blockers <= line.parents THEN greatest(run_at, now()) ELSE run_at END,
    due = blockers <= line.parents AND run_at <= now()
  FROM line WHERE job_queue.job_id = line.job_id AND line.ends IS NULL
  RETURNING job_queue.job_id, due
), unqueued AS (
  DELETE FROM job_queue USING line WHERE job_queue.job_id = line.job_id AND line.ends IS NOT NULL
  RETURNING job_queue.job_id, line.ends, line.reason
), changed AS (
  SELECT job_id, NULL AS ends, NULL AS reason, due FROM freed
  UNION ALL
  SELECT job_id, ends, reason, false FROM unqueued
)
UPDATE jobs SET
  status = coalesce(ends, status),
  failed_at = CASE ends WHEN 'failed' THEN now() END,
  error = CASE ends
    WHEN 'failed' THEN json_build_object('type', 'ParentFailed', 'message', reason, 'traceback', '')
    ELSE error END,
  cancelled_at = CASE ends WHEN 'cancelled' THEN now() END,
  cancel_requested_at = CASE ends WHEN 'cancelled' THEN now() END,
  cancel_reason = CASE ends WHEN 'cancelled' THEN reason END,
  updated_at = now(),
  revision = revision + 1
FROM changed WHERE jobs.id = changed.job_id AND jobs.status = 'pending'
RETURNING jobs.id, organization_id, queue, jobs.status, revision, due
