SELECT id, attempt, at, level, message FROM job_logs WHERE job_id = %(job_id)s AND id > %(after)s
ORDER BY id
LIMIT %(limit)s
