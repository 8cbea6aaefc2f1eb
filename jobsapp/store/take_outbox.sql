-- The oldest rows whose time has come, taken out: they are back if the transaction is rolled back.
DELETE FROM job_outbox WHERE id IN (
  SELECT id FROM job_outbox
  WHERE not_before <= now() AND (%(only)s::bigint IS NULL OR id = %(only)s)
  ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING id, kind, organization_id, job_id, user_id, type, batch_id, weight, was, status, at
