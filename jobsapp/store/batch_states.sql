-- Batches as they are at this very moment: what was added up, what is still in the outbox, and what runs now, which the
-- leases of the workers know. In one statement, so that all of it is of one moment.
WITH batch AS (
  SELECT * FROM batches WHERE id = ANY(%(ids)s::uuid[]) AND organization_id = %(organization_id)s
), told AS (
  SELECT batch_id, state, sum(sign * jobs)::int AS jobs, sum(sign * coalesce(weight, 1)) AS weight
  FROM job_outbox CROSS JOIN LATERAL (VALUES (status, 1), (was, -1)) AS one (state, sign)
  WHERE batch_id IN (SELECT id FROM batch) AND state IN ('completed', 'failed', 'cancelled')
  GROUP BY batch_id, state
), untold AS (
  SELECT batch_id,
    sum(jobs) FILTER (WHERE state = 'completed') AS completed, sum(jobs) FILTER (WHERE state = 'failed') AS failed,
    sum(jobs) FILTER (WHERE state = 'cancelled') AS cancelled,
    coalesce(sum(weight) FILTER (WHERE state = 'completed'), 0) AS completed_weight,
    coalesce(sum(weight) FILTER (WHERE state = 'failed'), 0) AS failed_weight,
    coalesce(sum(weight) FILTER (WHERE state = 'cancelled'), 0) AS cancelled_weight
  FROM told GROUP BY batch_id
), held AS (
  SELECT jobs.batch_id, count(*) AS jobs, sum(coalesce(weight, 1) * least(greatest(
    CASE WHEN progress_total > 0 AND progress_total < 'Infinity' THEN progress_current / progress_total END, 0), 1)) AS weight
  FROM worker_leases
  -- A job that came back to a worker may be in its list twice.
  CROSS JOIN LATERAL (SELECT DISTINCT unnest(job_ids)) AS listed (job_id)
  JOIN jobs ON jobs.id = listed.job_id
  WHERE jobs.status = 'active' AND jobs.worker = worker_leases.worker AND jobs.batch_id IN (SELECT id FROM batch)
  GROUP BY jobs.batch_id
)
SELECT batch.id, organization_id, user_id, name, description, total_jobs, total_weight,
  completed_jobs + coalesce(untold.completed, 0)::int AS completed,
  failed_jobs + coalesce(untold.failed, 0)::int AS failed,
  cancelled_jobs + coalesce(untold.cancelled, 0)::int AS cancelled,
  coalesce(held.jobs, 0)::int AS active,
  batch.completed_weight + coalesce(untold.completed_weight, 0) AS completed_weight,
  batch.failed_weight + coalesce(untold.failed_weight, 0) AS failed_weight,
  batch.cancelled_weight + coalesce(untold.cancelled_weight, 0) AS cancelled_weight,
  coalesce(held.weight, 0) AS active_weight,
  CASE WHEN untold.batch_id IS NOT NULL THEN clock_timestamp() ELSE counted_at END AS counted_at,
  coalesce(paced_at, noted_at) AS paced_at,
  CASE WHEN paced_at IS NULL THEN noted_weight ELSE paced_weight END AS paced_weight,
  created_at, closed_at, ended_at, callbacks, callback_jobs, change, change_reason, results_id, results_at,
  clock_timestamp() AS now
FROM batch LEFT JOIN untold ON untold.batch_id = batch.id LEFT JOIN held ON held.batch_id = batch.id
ORDER BY batch.id DESC
