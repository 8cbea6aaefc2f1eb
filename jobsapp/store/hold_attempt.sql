-- The job, if it runs and the attempt is its present one. Until COMMIT nobody deletes it.
SELECT id FROM jobs WHERE id = %(job_id)s AND status = 'active' AND attempts = %(attempt)s FOR KEY SHARE
