SELECT jobs.id, attempts AS attempt, jobs.worker
FROM worker_leases CROSS JOIN unnest(job_ids) AS held (job_id) JOIN jobs ON jobs.id = held.job_id
WHERE jobs.status = 'active' AND jobs.worker = worker_leases.worker
  AND cancel_requested_at < now() - make_interval(secs => %(grace)s)
ORDER BY jobs.id
LIMIT 100
