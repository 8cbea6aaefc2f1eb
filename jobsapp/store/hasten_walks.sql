WITH resting AS (
  SELECT organization_id, scope, type, status FROM retention_walks WHERE due_at > now() FOR UPDATE SKIP LOCKED
)
UPDATE retention_walks AS walk SET due_at = now() FROM resting
WHERE (walk.organization_id, walk.scope, walk.type, walk.status)
  = (resting.organization_id, resting.scope, resting.type, resting.status)
