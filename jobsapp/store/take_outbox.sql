-- The oldest rows whose time has come, taken out: they are back if the transaction is rolled back.
WITH picked AS MATERIALIZED (
  SELECT id FROM job_outbox
  WHERE not_before <= now() AND (%(only)s::bigint IS NULL OR id = %(only)s)
  ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
DELETE FROM job_outbox USING picked WHERE job_outbox.id = picked.id
RETURNING job_outbox.id, kind, organization_id, job_id, user_id, type, batch_id, weight, jobs, was, status, at
