-- A message, the notifications that are in it, and word to those who send.
WITH made AS (
  INSERT INTO deliveries (id, organization_id, channel_id, occasion, job_id, subject, body, html, next_at, created_at)
  VALUES (%(id)s, %(organization_id)s, %(channel_id)s, %(occasion)s, %(job_id)s, %(subject)s, %(body)s, %(html)s,
    %(now)s, %(now)s)
  RETURNING id
), called AS (
  UPDATE notification_channels SET next_at = least(next_at, %(now)s) WHERE id = %(channel_id)s
)
UPDATE notifications SET delivery_id = %(id)s WHERE id = ANY(%(note_ids)s)
