-- The rule of whose notifications one has been due for longest, and all that goes with it: how many at most, the oldest
-- first. They are the caller's until the transaction ends.
WITH first AS (
  SELECT rule_id, channel_id FROM notifications WHERE delivery_id IS NULL AND due_at <= %(now)s
  ORDER BY due_at LIMIT 1
), due AS (
  SELECT id, occasion, job_id, facts, gathers FROM notifications
  WHERE delivery_id IS NULL AND due_at <= %(now)s AND rule_id = (SELECT rule_id FROM first)
    AND channel_id = (SELECT channel_id FROM first)
  ORDER BY due_at, id LIMIT %(limit)s
  FOR UPDATE SKIP LOCKED
)
SELECT rule.id AS rule_id, rule.digest_above, channel.id AS channel_id, channel.organization_id, channel.kind,
  organization.name AS organization, channel.disabled_at IS NOT NULL AS disabled,
  words.subject, words.text, words.digest_subject, words.digest_text,
  (SELECT count(*) FROM (
    SELECT FROM deliveries AS lately WHERE lately.channel_id = channel.id AND lately.id >= %(minute)s LIMIT 1000
  ) AS counted) AS lately,
  (SELECT json_agg(due ORDER BY due.id) FROM due) AS notes
FROM notification_rules AS rule
JOIN first ON first.rule_id = rule.id
JOIN notification_channels AS channel ON channel.id = first.channel_id
JOIN organizations AS organization ON organization.id = rule.organization_id
LEFT JOIN notification_templates AS words ON words.organization_id = rule.organization_id
