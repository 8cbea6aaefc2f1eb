-- The channel that has waited longest, among those that nobody sends by and that may be asked again. A statement of its
-- own: what is read after it sees each message that was made before, and who makes another one waits for the lock.
SELECT id FROM notification_channels
WHERE next_at <= %(now)s AND disabled_at IS NULL AND slow = %(slow)s
  AND (busy_until IS NULL OR busy_until <= %(now)s)
  AND (calm_until IS NULL OR calm_until <= %(now)s)
  AND NOT EXISTS (
    SELECT FROM users WHERE users.id = notification_channels.user_id AND users.deactivated_at IS NOT NULL
  )
ORDER BY next_at LIMIT 1
FOR UPDATE SKIP LOCKED
