-- What each worker has now: the first of the organisation's own jobs, and how many there are of it and of all others.
-- From the leases, which are few. `alive`: the lease holds.
WITH held AS (
  SELECT worker_leases.worker, lease_until > now() AS alive, organization_id = %(organization_id)s AS own,
    jobs.id, name, type, progress_current, progress_total, progress_message, started_at,
    cancel_requested_at IS NOT NULL AS stopping,
    count(*) OVER of_kind AS jobs, row_number() OVER (of_kind ORDER BY jobs.id) AS place
  FROM worker_leases
  -- A job that came back to a worker may be in its list twice.
  CROSS JOIN LATERAL (SELECT DISTINCT unnest(job_ids)) AS listed (job_id)
  JOIN jobs ON jobs.id = listed.job_id
  -- Workflows are held by no worker: runtime/workflows.
  WHERE jobs.status = 'active' AND jobs.worker = worker_leases.worker AND worker_leases.worker <> 'workflows'
  WINDOW of_kind AS (PARTITION BY worker_leases.worker, organization_id = %(organization_id)s)
)
SELECT worker, alive, own, jobs,
  -- Of others only that they are there.
  CASE WHEN own THEN id END AS id, CASE WHEN own THEN name END AS name, CASE WHEN own THEN type END AS type,
  CASE WHEN own THEN progress_current END AS progress_current, CASE WHEN own THEN progress_total END AS progress_total,
  CASE WHEN own THEN progress_message END AS progress_message, CASE WHEN own THEN started_at END AS started_at, own AND stopping AS stopping
FROM held
WHERE place <= CASE WHEN own THEN %(shown)s ELSE 1 END
ORDER BY worker, own DESC, place
