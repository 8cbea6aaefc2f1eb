-- The same job again, with a fresh allowance. `attempts` keeps growing: it is the fence.
WITH again AS (
  UPDATE jobs SET
    status = 'pending',
    run_at = now(),
    expires_at = NULL,
    max_attempts = attempts + allowance,
    failed_at = NULL,
    cancelled_at = NULL,
    cancel_requested_at = NULL,
    cancelled_by = NULL,
    cancel_reason = NULL,
    progress_current = NULL,
    progress_total = NULL,
    progress_message = NULL,
    updated_at = now(),
    revision = revision + 1
  WHERE id = %(id)s AND status IN ('failed', 'cancelled')
  RETURNING id, organization_id, queue, type, priority, status, revision
), waits AS (
  -- What it depended on may be on its way again, and is then waited for again.
  UPDATE job_dependencies AS edge SET settled = NULL
  FROM again, jobs AS parent
  WHERE edge.job_id = again.id AND parent.id = edge.parent_id AND parent.status IN ('pending', 'active')
  RETURNING edge.job_id
), checked AS (
  INSERT INTO job_outbox (kind, organization_id, job_id, type, status)
  SELECT 'check', organization_id, id, type, status FROM again WHERE id IN (SELECT job_id FROM waits)
), queued AS (
  INSERT INTO job_queue (job_id, queue, urgency, organization_id, type, run_at, due, blockers)
  SELECT id, queue, -priority, organization_id, type, now(), blockers = 0, blockers
  FROM again CROSS JOIN LATERAL (SELECT count(*) AS blockers FROM waits WHERE job_id = again.id) AS waiting
)
SELECT id, organization_id, queue, status, revision FROM again
