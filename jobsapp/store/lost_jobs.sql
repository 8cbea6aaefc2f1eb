-- Active jobs without an owner: their lease ended (the worker's clock plays no part), or their worker says
-- that its work-horse died.
SELECT id, attempts AS attempt, max_attempts, allowance, worker, type,
  cancel_requested_at IS NOT NULL AS cancel_requested
FROM jobs
WHERE status = 'active' AND (lease_until < now() OR worker = %(worker)s)
ORDER BY id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
