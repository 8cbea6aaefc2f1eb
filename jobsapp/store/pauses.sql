SELECT name, paused_at AS at, pause_reason AS reason, email, organization_id
FROM queues LEFT JOIN users ON users.id = paused_by
WHERE name = ANY(%(names)s) AND paused_at IS NOT NULL
