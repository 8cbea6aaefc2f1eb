-- A pending job is cancelled at once; an active one is asked to stop. The first request is the one kept.
-- First the row that waits, as a claim does it: neither can wait for the other in a circle.
WITH waiting AS MATERIALIZED (
  DELETE FROM job_queue WHERE job_id = %(id)s RETURNING job_id
)
UPDATE jobs SET
  status = CASE status WHEN 'pending' THEN 'cancelled' ELSE status END,
  cancelled_at = CASE status WHEN 'pending' THEN now() END,
  cancelled_by = CASE WHEN cancel_requested_at IS NULL THEN %(user_id)s ELSE cancelled_by END,
  cancel_reason = CASE WHEN cancel_requested_at IS NULL THEN %(reason)s ELSE cancel_reason END,
  cancel_requested_at = coalesce(cancel_requested_at, now()),
  updated_at = now(),
  revision = revision + 1
FROM (SELECT count(*) AS jobs FROM waiting) AS unqueued
WHERE id = %(id)s AND status IN ('pending', 'active') AND unqueued.jobs >= 0
RETURNING id, organization_id, queue, status, revision
