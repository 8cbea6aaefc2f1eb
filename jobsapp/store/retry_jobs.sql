-- As retry_job, for many. What somebody else is writing is passed over.
WITH picked AS MATERIALIZED (
  SELECT id FROM jobs
  WHERE id = ANY(%(ids)s::uuid[]) AND organization_id = %(organization_id)s AND status IN ('failed', 'cancelled')
  ORDER BY id
  FOR UPDATE SKIP LOCKED
), again AS (
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
  FROM picked WHERE jobs.id = picked.id
  RETURNING jobs.id, organization_id, queue, type, priority, status, revision
), queued AS (
  INSERT INTO job_queue (job_id, queue, urgency, organization_id, type, run_at, due)
  SELECT id, queue, -priority, organization_id, type, now(), true FROM again
)
SELECT id, organization_id, queue, status, revision FROM again
