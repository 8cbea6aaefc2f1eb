-- Fenced by id, status and attempt: a worker presumed dead cannot write over the one that took its job.
-- A cancel asked for while the attempt was ending wins over another attempt and over failure, not over success.
WITH ending AS (
  SELECT id, CASE
    WHEN cancel_requested_at IS NOT NULL AND %(status)s::text IN ('pending', 'failed') THEN 'cancelled'
    ELSE %(status)s::text END AS status
  FROM jobs
  WHERE id = %(id)s AND status = 'active' AND attempts = %(attempt)s
  FOR UPDATE
), finished AS (
  UPDATE jobs SET
    status = ending.status,
    result = %(result)s,
    error = CASE WHEN ending.status = 'completed' THEN NULL ELSE coalesce(%(error)s, error) END,
    run_at = coalesce(%(run_at)s, run_at),
    max_attempts = max_attempts + %(granted)s,
    lease_until = NULL,
    progress_current = CASE WHEN ending.status = 'completed'
      THEN coalesce(progress_total, progress_current) ELSE progress_current END,
    completed_at = CASE WHEN ending.status = 'completed' THEN now() END,
    failed_at = CASE WHEN ending.status = 'failed' THEN now() END,
    cancelled_at = CASE WHEN ending.status = 'cancelled' THEN now() END,
    updated_at = now(),
    revision = revision + 1
  FROM ending WHERE jobs.id = ending.id
  RETURNING jobs.id, organization_id, queue, jobs.status, revision, attempts
), ended AS (
  UPDATE job_attempts SET
    ended_at = now(),
    outcome = CASE finished.status WHEN 'cancelled' THEN 'cancelled' ELSE %(outcome)s END,
    error = %(error)s
  FROM finished WHERE job_id = finished.id AND number = finished.attempts
)
SELECT id, organization_id, queue, status, revision FROM finished
