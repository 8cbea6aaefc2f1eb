-- As lock_unread_uploads, for one that somebody chose.
SELECT id FROM files WHERE id = %(id)s AND job_id IS NULL FOR UPDATE
