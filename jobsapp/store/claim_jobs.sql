-- One queue per statement: an ordered walk of jobs_for_claim, whatever the table holds.
WITH next AS (
  SELECT id FROM jobs
  WHERE queue = %(queue)s AND status = 'pending' AND run_at <= now()
  ORDER BY priority DESC, run_at, id
  LIMIT %(limit)s
  FOR UPDATE SKIP LOCKED
), claimed AS (
  UPDATE jobs SET
    status = 'active',
    attempts = attempts + 1,
    worker = %(worker)s,
    lease_until = now() + make_interval(secs => %(lease)s),
    started_at = now(),
    updated_at = now(),
    progress_current = NULL,
    progress_total = NULL,
    progress_message = NULL,
    -- With a checkpoint the first report is the base: what it brought was not done by this attempt.
    progress_base = CASE WHEN checkpoint IS NULL THEN 0 END,
    progress_base_at = CASE WHEN checkpoint IS NULL THEN now() END,
    revision = revision + 1
  FROM next WHERE jobs.id = next.id
  RETURNING jobs.*
), begun AS (
  INSERT INTO job_attempts (job_id, number, worker, started_at)
  SELECT id, attempts, worker, started_at FROM claimed
)
SELECT id, organization_id, user_id, type, queue, data, checkpoint, attempts AS attempt, max_attempts, allowance, revision
FROM claimed
ORDER BY priority DESC, run_at, id
