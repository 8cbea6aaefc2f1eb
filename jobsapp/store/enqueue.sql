-- `blocked`: jobs that wait for others, and for how many of them.
INSERT INTO job_queue (job_id, queue, urgency, organization_id, type, run_at, due, expires_at, blockers)
SELECT id, queue, -priority, organization_id, type, run_at, run_at <= now() AND coalesce(blockers, 0) = 0, expires_at,
  coalesce(blockers, 0)
FROM jobs LEFT JOIN unnest(%(blocked)s::uuid[], %(blockers)s::int[]) AS given (job_id, blockers) ON job_id = id
WHERE id = ANY(%(ids)s::uuid[]) AND status = 'pending'
