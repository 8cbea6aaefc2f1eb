-- The oldest rows whose time has come, taken out: they are back if the transaction is rolled back. For `counted` and
-- `begin` it has come at once: their first time is 'infinity', so that a keeper of the version before, who would take
-- them out and make something else of them, or nothing, leaves them to this one.
WITH picked AS MATERIALIZED (
  SELECT id FROM job_outbox
  WHERE (not_before <= now() OR not_before = 'infinity') AND (%(only)s::bigint IS NULL OR id = %(only)s)
  ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
DELETE FROM job_outbox USING picked WHERE job_outbox.id = picked.id
RETURNING job_outbox.id, kind, organization_id, job_id, user_id, type, batch_id, weight, jobs, was, status, at
