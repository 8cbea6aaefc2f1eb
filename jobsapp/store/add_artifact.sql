INSERT INTO files (id, organization_id, user_id, job_id, attempt, name, size, media_type, sha256)
SELECT %(file_id)s, organization_id, user_id, id, %(attempt)s, %(name)s, %(size)s, %(media_type)s, %(sha256)s
FROM jobs WHERE id = %(job_id)s
