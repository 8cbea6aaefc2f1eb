-- To whom it is told that a channel was switched off, and a channel of theirs for e-mail, if there is one. Nobody who is
-- no member any more.
SELECT channel.name, member.user_id AS owner_id, (
  SELECT own.id FROM notification_channels AS own
  WHERE own.organization_id = channel.organization_id AND own.user_id = member.user_id AND own.kind = 'email'
  ORDER BY own.id LIMIT 1
) AS mail_id
FROM notification_channels AS channel
JOIN memberships AS member ON member.organization_id = channel.organization_id
  AND member.user_id = coalesce(channel.user_id, channel.created_by)
WHERE channel.id = %(channel_id)s
