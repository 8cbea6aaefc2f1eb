-- A stored file, if it belongs to the organisation that the job belongs to.
SELECT id, name, size, media_type, sha256 FROM files
WHERE id = %(id)s AND organization_id = %(organization_id)s
