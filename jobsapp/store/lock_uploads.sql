-- Of those that a walk found. One with which a job is being created stays.
SELECT id FROM files WHERE id = ANY(%(ids)s::uuid[]) AND organization_id = %(organization_id)s AND job_id IS NULL
ORDER BY id
FOR UPDATE SKIP LOCKED
