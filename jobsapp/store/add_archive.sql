-- Archived again, because the jobs were not deleted the first time: the file has taken the place of the first.
INSERT INTO archives (id, organization_id, month, first_id, last_id, format, jobs, size, sha256)
VALUES (
  %(id)s, %(organization_id)s, %(month)s, %(first_id)s, %(last_id)s, %(format)s, %(jobs)s, %(size)s, %(sha256)s
)
ON CONFLICT (organization_id, first_id, last_id, format) DO UPDATE
  SET month = excluded.month, jobs = excluded.jobs, size = excluded.size, sha256 = excluded.sha256, created_at = now()
