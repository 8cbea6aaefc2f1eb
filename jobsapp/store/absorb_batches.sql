-- Adds up what ended of batches, and takes back what is retried: one update for each batch, locked in one order.
-- The pace counts from `paced_at`, one to two minutes ago while jobs end; taking back begins it anew.
WITH given AS (
  SELECT * FROM unnest(
    %(ids)s::uuid[], %(completed)s::int[], %(failed)s::int[], %(cancelled)s::int[],
    %(completed_weight)s::float8[], %(failed_weight)s::float8[], %(cancelled_weight)s::float8[], %(reopened)s::bool[]
  ) AS given (id, completed, failed, cancelled, completed_weight, failed_weight, cancelled_weight, reopened)
), locked AS MATERIALIZED (
  SELECT id, completed_jobs + failed_jobs + cancelled_jobs AS jobs,
    completed_weight + failed_weight + cancelled_weight AS weight
  FROM batches WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id FOR UPDATE
), told AS (
  SELECT given.*, locked.weight AS ended_weight, jobs + completed + failed + cancelled AS jobs
  FROM given JOIN locked USING (id)
)
UPDATE batches AS batch SET
  completed_jobs = completed_jobs + completed,
  failed_jobs = failed_jobs + failed,
  cancelled_jobs = cancelled_jobs + cancelled,
  completed_weight = batch.completed_weight + told.completed_weight,
  failed_weight = batch.failed_weight + told.failed_weight,
  cancelled_weight = batch.cancelled_weight + told.cancelled_weight,
  ended_at = CASE WHEN closed_at IS NOT NULL AND jobs = total_jobs THEN coalesce(CASE WHEN NOT reopened THEN ended_at END, now()) END,
  look_at = CASE WHEN closed_at IS NOT NULL AND jobs = total_jobs THEN now() + interval '1 day' END,
  counted_at = now(),
  noted_at = CASE WHEN reopened OR noted_at IS NULL OR noted_at < now() - interval '1 minute' THEN now() ELSE noted_at END,
  noted_weight = CASE
    WHEN reopened THEN ended_weight + told.completed_weight + told.failed_weight + told.cancelled_weight
    WHEN noted_at IS NULL OR noted_at < now() - interval '1 minute' THEN ended_weight
    ELSE noted_weight
  END,
  paced_at = CASE WHEN reopened THEN NULL WHEN noted_at < now() - interval '1 minute' THEN noted_at ELSE paced_at END,
  paced_weight = CASE WHEN noted_at < now() - interval '1 minute' THEN noted_weight ELSE paced_weight END
FROM told WHERE batch.id = told.id
RETURNING batch.id, organization_id, user_id, total_jobs, completed_jobs, failed_jobs, cancelled_jobs,
  closed_at IS NOT NULL AS closed, ended_at IS NOT NULL AS ended, callbacks, callback_jobs
