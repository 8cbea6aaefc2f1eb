-- The jobs whose time has come join those that can be claimed.
UPDATE job_queue SET due = true
WHERE job_id IN (
  SELECT job_id FROM job_queue WHERE NOT due AND blockers = 0 AND run_at <= now() ORDER BY run_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
