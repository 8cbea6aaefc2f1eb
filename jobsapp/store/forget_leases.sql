-- Leases that ended a while ago and cover nothing any more.
DELETE FROM worker_leases WHERE lease_until < now() - interval '1 minute' AND NOT EXISTS (
  SELECT FROM jobs
  WHERE jobs.id = ANY(worker_leases.job_ids) AND jobs.status = 'active' AND jobs.worker = worker_leases.worker
)
