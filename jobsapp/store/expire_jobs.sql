-- Jobs that had not started by their time are cancelled, by nobody. A claim that has one already wins.
WITH late AS MATERIALIZED (
  SELECT job_id FROM job_queue WHERE expires_at <= now() ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), unqueued AS (
  DELETE FROM job_queue USING late WHERE job_queue.job_id = late.job_id RETURNING job_queue.job_id
)
UPDATE jobs SET
  status = 'cancelled',
  cancelled_at = now(),
  cancel_requested_at = now(),
  cancel_reason = CASE WHEN attempts = 0 THEN 'It had not started by the time at which it expired.'
    ELSE 'It expired before its next attempt.' END,
  updated_at = now(),
  revision = revision + 1
FROM unqueued WHERE jobs.id = unqueued.job_id AND jobs.status = 'pending'
RETURNING jobs.id, organization_id, queue, status, revision
