-- These dependencies are settled: who waits for nothing more may run; who was to end with a parent ends.
-- First the row that waits, as a claim and a cancel do it.
WITH edge AS MATERIALIZED (
  SELECT * FROM unnest(
    %(jobs)s::uuid[], %(parents)s::uuid[], %(statuses)s::text[], %(ends)s::text[], %(reasons)s::text[]
  ) AS edge (job_id, parent_id, status, ends, reason)
), settled AS (
  UPDATE job_dependencies AS mine SET settled = edge.status
  FROM edge WHERE mine.job_id = edge.job_id AND mine.parent_id = edge.parent_id
), child AS MATERIALIZED (
  SELECT job_id, count(*) AS parents, min(ends) AS ends, min(reason) AS reason FROM edge GROUP BY job_id
), line AS MATERIALIZED (
  SELECT job_id FROM job_queue WHERE job_id IN (SELECT job_id FROM child) ORDER BY job_id FOR UPDATE
), freed AS (
  UPDATE job_queue SET
    blockers = greatest(0, blockers - child.parents),
    due = blockers <= child.parents AND run_at <= now()
  FROM line JOIN child USING (job_id)
  WHERE job_queue.job_id = line.job_id AND child.ends IS NULL
  RETURNING job_queue.job_id, queue, organization_id, due
), unqueued AS (
  DELETE FROM job_queue USING line JOIN child USING (job_id)
  WHERE job_queue.job_id = line.job_id AND child.ends IS NOT NULL
  RETURNING job_queue.job_id, child.ends, child.reason
), stopped AS (
  UPDATE jobs SET
    status = unqueued.ends,
    failed_at = CASE unqueued.ends WHEN 'failed' THEN now() END,
    error = CASE unqueued.ends
      WHEN 'failed' THEN json_build_object('type', 'ParentFailed', 'message', unqueued.reason, 'traceback', '')
      ELSE error END,
    cancelled_at = CASE unqueued.ends WHEN 'cancelled' THEN now() END,
    cancel_requested_at = CASE unqueued.ends WHEN 'cancelled' THEN now() END,
    cancel_reason = CASE unqueued.ends WHEN 'cancelled' THEN unqueued.reason END,
    updated_at = now(),
    revision = revision + 1
  FROM unqueued WHERE jobs.id = unqueued.job_id AND jobs.status = 'pending'
  RETURNING jobs.id, organization_id, queue, jobs.status, revision
)
SELECT id, organization_id, queue, status, revision, false AS due FROM stopped
UNION ALL
SELECT job_id, organization_id, queue, 'pending', 0, due FROM freed
