-- These runs are claimed and not begun.
INSERT INTO job_outbox (kind, organization_id, job_id, user_id, type, status, not_before)
SELECT 'begin', organization_id, id, user_id, type, status, 'infinity' FROM jobs WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id
