-- Runs that were claimed and are not begun, and of which no word is left that somebody will hear: it was lost, or set
-- aside after many tries. From the lease of who claims them, which names all that go on.
SELECT job.id FROM (
  SELECT DISTINCT unnest(job_ids) FROM worker_leases WHERE worker = %(worker)s
) AS listed (job_id) JOIN jobs AS job ON job.id = listed.job_id
WHERE job.status = 'active' AND job.worker = %(worker)s
  AND NOT EXISTS (SELECT FROM workflow_runs AS run WHERE run.job_id = job.id AND run.running)
  AND job.id <> ALL (ARRAY(SELECT job_id FROM job_outbox WHERE kind = 'begin' AND not_before IS NOT NULL))
ORDER BY job.id
