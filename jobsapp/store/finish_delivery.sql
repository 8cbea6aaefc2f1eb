-- What came of a try. A channel that works is free for its next message, one that fails only after `calm_until`.
WITH done AS (
  UPDATE deliveries SET
    state = %(state)s::text,
    next_at = coalesce(%(next_at)s::timestamptz, next_at),
    delivered_at = CASE WHEN %(state)s::text = 'delivered' THEN %(now)s::timestamptz END,
    tries = tries || %(entry)s::jsonb
  WHERE id = %(id)s AND state = 'pending' AND attempts = %(attempts)s
  RETURNING id
)
UPDATE notification_channels SET
  busy_until = NULL,
  last_at = %(now)s,
  slow = %(slow)s,
  failures = CASE WHEN %(ok)s THEN 0 ELSE failures + 1 END,
  failing_since = CASE WHEN %(ok)s THEN NULL ELSE coalesce(failing_since, %(now)s) END,
  last_error = %(error)s::text,
  calm_until = CASE WHEN NOT %(ok)s THEN %(calm_until)s::timestamptz END,
  next_at = least(CASE WHEN %(state)s::text = 'pending' THEN %(next_at)s::timestamptz END, (
    SELECT waiting.next_at FROM deliveries AS waiting
    WHERE waiting.channel_id = notification_channels.id AND waiting.state = 'pending' AND waiting.id <> %(id)s
    ORDER BY waiting.next_at, waiting.id LIMIT 1
  )),
  disabled_at = CASE WHEN %(disabled_reason)s::text IS NULL THEN disabled_at ELSE coalesce(disabled_at, %(now)s) END,
  disabled_reason = coalesce(%(disabled_reason)s, disabled_reason)
WHERE id = %(channel_id)s AND EXISTS (SELECT FROM done)
RETURNING id
