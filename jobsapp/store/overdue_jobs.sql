-- Active jobs that were asked to stop, or whose time was over, more than `seconds` ago. From the leases, which are few.
-- `alone`: their worker has no other, so it is this one that runs. Of several one runs, the others only wait with it.
WITH held AS MATERIALIZED (
  SELECT active_job.* FROM worker_leases CROSS JOIN LATERAL (
    SELECT jobs.id, attempts, count(*) OVER () = 1 AS alone,
      coalesce(timeout_seconds, (%(timeouts)s::json ->> type)::float8) AS timeout,
      extract(epoch FROM now() - started_at)::float8 AS age,
      extract(epoch FROM now() - cancel_requested_at)::float8 AS asked_ago
    -- A job that came back to a worker may be in its list twice.
    FROM (SELECT DISTINCT unnest(job_ids)) AS listed (job_id) JOIN jobs ON jobs.id = listed.job_id
    WHERE jobs.status = 'active' AND jobs.worker = worker_leases.worker
  ) AS active_job
  -- Workflows stop when their steps have: runtime/workflows.
  WHERE worker_leases.worker <> 'workflows'
)
SELECT jobs.id, jobs.attempts AS attempt, max_attempts, allowance, worker, type, retry, alone,
  cancel_requested_at IS NOT NULL AS cancel_requested,
  greatest(age - timeout, asked_ago) AS late_seconds,
  CASE WHEN age - timeout > %(seconds)s THEN timeout END AS exceeded
FROM held JOIN jobs ON jobs.id = held.id
WHERE greatest(age - timeout, asked_ago) > %(seconds)s AND jobs.status = 'active' AND jobs.attempts = held.attempts
ORDER BY jobs.id
LIMIT 100
FOR UPDATE OF jobs SKIP LOCKED
