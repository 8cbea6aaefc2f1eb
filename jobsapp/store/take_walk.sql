-- The one that has waited longest. Two that prune at once take different ones.
SELECT organization_id, scope, type, status, days, position, round_at, now() AS at FROM retention_walks
WHERE due_at <= now()
ORDER BY due_at
LIMIT 1
FOR UPDATE SKIP LOCKED
