-- As cancel_job, for many: pending ones whose row in the queue is ours by lock_waiting are cancelled at once, active
-- ones that nobody asked yet are asked to stop. What somebody else is writing is passed over, so that neither a worker
-- waits for all of these nor two who cancel wait in a circle.
WITH picked AS MATERIALIZED (
  SELECT id FROM jobs
  WHERE id = ANY(%(ids)s::uuid[]) AND organization_id = %(organization_id)s
    AND (status = 'active' AND cancel_requested_at IS NULL OR status = 'pending' AND id = ANY(%(waiting)s::uuid[]))
  ORDER BY id
  FOR UPDATE SKIP LOCKED
), unqueued AS (
  DELETE FROM job_queue USING picked WHERE job_queue.job_id = picked.id AND picked.id = ANY(%(waiting)s::uuid[])
)
UPDATE jobs SET
  status = CASE status WHEN 'pending' THEN 'cancelled' ELSE status END,
  cancelled_at = CASE status WHEN 'pending' THEN now() END,
  cancelled_by = %(user_id)s,
  cancel_reason = %(reason)s,
  cancel_requested_at = now(),
  updated_at = now(),
  revision = revision + 1
FROM picked WHERE jobs.id = picked.id
RETURNING jobs.id, organization_id, queue, status, revision
