-- Those of these jobs that failed or were cancelled. What somebody else is writing is passed over.
SELECT id FROM jobs
WHERE id = ANY(%(ids)s::uuid[]) AND organization_id = %(organization_id)s AND status IN ('failed', 'cancelled')
ORDER BY id
FOR UPDATE SKIP LOCKED
