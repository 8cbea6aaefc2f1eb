INSERT INTO job_queue (job_id, queue, urgency, organization_id, type, run_at, due, expires_at)
SELECT id, queue, -priority, organization_id, type, run_at, run_at <= now(), expires_at
FROM jobs WHERE id = ANY(%(ids)s::uuid[]) AND status = 'pending'
