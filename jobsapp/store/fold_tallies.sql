-- The oldest tallies become part of the sums, in the transaction that deletes them. Two keepers fold different ones.
WITH oldest AS MATERIALIZED (
  SELECT id FROM job_tallies ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), taken AS MATERIALIZED (
  DELETE FROM job_tallies USING oldest WHERE job_tallies.id = oldest.id RETURNING job_tallies.*
), counted AS (
  INSERT INTO job_counts AS kept (organization_id, user_id, type, status, duration, jobs)
  SELECT organization_id, owner, type, status, duration, sum(jobs)
  FROM taken CROSS JOIN LATERAL (
    VALUES ('00000000-0000-0000-0000-000000000000'::uuid), (user_id)
  ) AS owners (owner)
  WHERE owner IS NOT NULL
  GROUP BY organization_id, owner, type, status, duration
  HAVING sum(jobs) <> 0
  ORDER BY organization_id, owner, type, status, duration
  ON CONFLICT (organization_id, user_id, type, status, duration) DO UPDATE SET jobs = kept.jobs + excluded.jobs
), remembered AS (
  INSERT INTO job_history AS kept (organization_id, grain, at, type, status, duration, jobs)
  SELECT organization_id, grain, date_trunc(grain, minute, 'UTC') AS at, type, status, duration, sum(ended)
  FROM taken CROSS JOIN (VALUES ('minute'), ('hour'), ('day')) AS grains (grain)
  WHERE ended > 0
  GROUP BY organization_id, grain, date_trunc(grain, minute, 'UTC'), type, status, duration
  ORDER BY organization_id, grain, at, type, status, duration
  ON CONFLICT (organization_id, grain, at, type, status, duration) DO UPDATE SET jobs = kept.jobs + excluded.jobs
), failed AS (
  INSERT INTO job_failures AS kept (organization_id, hour, type, error_type, jobs, last_at, last_job_id)
  SELECT organization_id, date_trunc('hour', minute, 'UTC') AS hour, type, error_type, sum(ended), max(minute),
    (array_agg(last_job_id ORDER BY minute DESC, id DESC))[1]
  FROM taken
  WHERE ended > 0 AND error_type IS NOT NULL
  GROUP BY organization_id, date_trunc('hour', minute, 'UTC'), type, error_type
  ORDER BY organization_id, hour, type, error_type
  ON CONFLICT (organization_id, hour, type, error_type) DO UPDATE SET
    jobs = kept.jobs + excluded.jobs,
    last_job_id = CASE WHEN excluded.last_at >= kept.last_at THEN excluded.last_job_id ELSE kept.last_job_id END,
    last_at = greatest(kept.last_at, excluded.last_at)
)
SELECT count(*) AS tallies FROM taken
