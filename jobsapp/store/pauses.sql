SELECT name, paused_at AS at, pause_reason AS reason, email,
  (SELECT array_agg(organization_id) FROM memberships WHERE user_id = paused_by) AS organization_ids,
  (SELECT id FROM organizations WHERE runs_installation) AS home_id
FROM queues LEFT JOIN users ON users.id = paused_by
WHERE name = ANY(%(names)s) AND paused_at IS NOT NULL
