-- Batches that ended a day ago or more: those whose jobs are gone go too, the others are looked at again later.
WITH looked AS MATERIALIZED (
  SELECT id, EXISTS (SELECT FROM jobs WHERE jobs.batch_id = batches.id) AS filled
  FROM batches WHERE look_at <= now() ORDER BY look_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), later AS (
  UPDATE batches SET look_at = now() + interval '1 hour' FROM looked WHERE batches.id = looked.id AND filled
)
DELETE FROM batches USING looked WHERE batches.id = looked.id AND NOT filled
RETURNING batches.id, organization_id, results_id
