SELECT * FROM job_attempts WHERE job_id = ANY(%(ids)s::uuid[]) ORDER BY job_id, number
