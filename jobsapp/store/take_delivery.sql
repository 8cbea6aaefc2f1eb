-- The next message of a channel that is locked. The channel is the caller's until `until`: so one that is slow keeps one
-- sender at most, and its messages keep their order. Where nothing is due the channel learns when there will be.
WITH due AS (
  SELECT id FROM deliveries
  WHERE channel_id = %(channel_id)s AND state = 'pending' AND next_at <= %(now)s
  ORDER BY next_at, id LIMIT 1
), channel AS (
  UPDATE notification_channels SET
    busy_until = CASE WHEN EXISTS (SELECT FROM due) THEN %(until)s::timestamptz END,
    next_at = CASE WHEN EXISTS (SELECT FROM due) THEN next_at ELSE (
      SELECT min(later.next_at) FROM deliveries AS later
      WHERE later.channel_id = notification_channels.id AND later.state = 'pending'
    ) END
  WHERE id = %(channel_id)s
  RETURNING *
), taken AS (
  UPDATE deliveries SET attempts = attempts + 1 WHERE id = (SELECT id FROM due)
  RETURNING *
)
SELECT taken.id, channel.organization_id, channel.id AS channel_id, channel.user_id, channel.kind, channel.settings,
  channel.failures, channel.failing_since, taken.subject, taken.body, taken.html, taken.occasion, taken.job_id,
  taken.attempts, taken.id IS NOT NULL AS found,
  (SELECT email FROM users WHERE users.id = channel.user_id) AS email
FROM channel LEFT JOIN taken ON true
