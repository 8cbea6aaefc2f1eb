INSERT INTO notification_channels (id, organization_id, user_id, kind, name, settings, shown, created_by, next_at)
VALUES (%(id)s, %(organization_id)s, %(user_id)s, %(kind)s, %(name)s, %(settings)s, %(shown)s, %(user_id)s, %(now)s)
