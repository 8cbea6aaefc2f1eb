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
), queued AS (
  INSERT INTO job_queue (job_id, queue, urgency, organization_id, type, run_at, due)
  SELECT id, queue, -priority, organization_id, type, now(), true FROM again
)
SELECT id, organization_id, queue, status, revision FROM again
