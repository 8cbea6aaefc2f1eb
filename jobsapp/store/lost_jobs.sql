-- Active jobs without an owner: the lease of their worker ended (its clock plays no part), or the worker says
-- that its work-horse died. Nobody is waited for: what is locked is being written by an owner that lives.
-- `alone`: as in overdue_jobs.
WITH gone AS MATERIALIZED (
  SELECT worker, job_ids, lease_until, 1 = (
    SELECT count(*) FROM jobs
    WHERE jobs.id = ANY(worker_leases.job_ids) AND jobs.status = 'active' AND jobs.worker = worker_leases.worker
  ) AS alone
  FROM worker_leases
  WHERE lease_until < now() OR worker = %(worker)s
  FOR UPDATE SKIP LOCKED
)
SELECT jobs.id, attempts AS attempt, max_attempts, allowance, jobs.worker, type, retry, timeout_seconds, alone,
  cancel_requested_at IS NOT NULL AS cancel_requested,
  extract(epoch FROM lease_until - started_at)::float8 AS held_seconds
FROM gone CROSS JOIN unnest(gone.job_ids) AS held (job_id) JOIN jobs ON jobs.id = held.job_id
WHERE jobs.status = 'active' AND jobs.worker = gone.worker
ORDER BY jobs.id
LIMIT %(limit)s
FOR UPDATE OF jobs SKIP LOCKED
