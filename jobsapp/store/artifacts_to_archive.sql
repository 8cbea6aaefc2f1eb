SELECT id, job_id, name, size, media_type, sha256 FROM files WHERE job_id = ANY(%(ids)s::uuid[]) ORDER BY id
