-- To whom it is told that a channel was switched off, and channels of theirs that work. Of the organisation's it is who
-- made it, or an administrator where they are no member any more. `unsubscribed`: they want no e-mail.
SELECT channel.name, owner.user_id AS owner_id, own.mail_id, own.unsubscribed, own.browser_id
FROM notification_channels AS channel
CROSS JOIN LATERAL (
  SELECT member.user_id FROM memberships AS member JOIN users ON users.id = member.user_id
  WHERE member.organization_id = channel.organization_id AND users.deactivated_at IS NULL
    AND (member.user_id = coalesce(channel.user_id, channel.created_by)
      OR (channel.user_id IS NULL AND member.role = 'admin'))
  ORDER BY member.user_id = coalesce(channel.user_id, channel.created_by) DESC NULLS LAST, member.user_id
  LIMIT 1
) AS owner
CROSS JOIN LATERAL (
  SELECT
    (array_agg(other.id ORDER BY other.id) FILTER (
      WHERE other.kind = 'email' AND other.disabled_at IS NULL AND other.failures = 0))[1] AS mail_id,
    coalesce(bool_or(other.kind = 'email' AND other.disabled_at IS NOT NULL), false) AS unsubscribed,
    (array_agg(other.id ORDER BY other.id) FILTER (
      WHERE other.kind = 'browser' AND other.disabled_at IS NULL))[1] AS browser_id
  FROM notification_channels AS other
  WHERE other.organization_id = channel.organization_id AND other.user_id = owner.user_id AND other.id <> channel.id
) AS own
WHERE channel.id = %(channel_id)s
