-- Whose end is to be told from now on. What somebody else is writing is passed over: ask again for it.
WITH picked AS MATERIALIZED (
  SELECT id FROM jobs
  WHERE id = ANY(%(ids)s::uuid[]) AND organization_id = %(organization_id)s AND NOT followed
  ORDER BY id
  FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE jobs SET followed = true FROM picked WHERE jobs.id = picked.id
