-- A pending job is cancelled at once; an active one is asked to stop. The first request is the one kept.
UPDATE jobs SET
  status = CASE status WHEN 'pending' THEN 'cancelled' ELSE status END,
  cancelled_at = CASE status WHEN 'pending' THEN now() END,
  cancelled_by = CASE WHEN cancel_requested_at IS NULL THEN %(user_id)s ELSE cancelled_by END,
  cancel_reason = CASE WHEN cancel_requested_at IS NULL THEN %(reason)s ELSE cancel_reason END,
  cancel_requested_at = coalesce(cancel_requested_at, now()),
  updated_at = now(),
  revision = revision + 1
WHERE id = %(id)s AND status IN ('pending', 'active')
RETURNING id, organization_id, queue, status, revision
