-- The entry of the audit log, in the transaction that switches the channel off.
INSERT INTO audit_events (id, organization_id, actor, action, subject_type, subject_id, subject_name, details)
SELECT %(id)s, organization_id, %(actor)s, %(action)s, 'channel', id::text, left(name, 300), jsonb_build_object(
  'scope', CASE WHEN user_id IS NULL THEN 'the organisation' ELSE 'one''s own' END, 'reason', %(reason)s::text)
FROM notification_channels WHERE id = %(channel_id)s
