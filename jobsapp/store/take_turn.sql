-- What came of some attempts, and the next jobs of a queue: one round trip and one commit for both.
--
-- Fenced by id, status and attempt: a worker presumed dead cannot write over the one that took its job. A cancel
-- asked for while the attempt was ending wins over another attempt and over failure, not over success. Times are
-- ages by the worker, so that its clock plays no part.
WITH RECURSIVE ended AS MATERIALIZED (
  SELECT jobs.id, given.attempt, given.outcome, given.error::json AS error, given.result::json AS result, given.run_at,
    coalesce(given.granted, 0) AS granted, given.idle IS NULL AS began, given.cpu_seconds, given.peak_bytes, given.current, given.total, given.message,
    given.checkpoint::json AS checkpoint,
    coalesce(now() - make_interval(secs => given.began_ago), started_at) AS began_at,
    now() - make_interval(secs => coalesce(given.ended_ago, 0)) AS ended_at,
    CASE WHEN cancel_requested_at IS NOT NULL AND given.status IN ('pending', 'failed') THEN 'cancelled'
      ELSE given.status END AS status
  FROM unnest(
    %(ids)s::uuid[], %(attempts)s::int[], %(statuses)s::text[], %(outcomes)s::text[], %(results)s::text[],
    %(errors)s::text[], %(run_ats)s::timestamptz[], %(granted)s::int[], %(idle)s::bool[],
    %(cpu_seconds)s::float8[], %(peak_bytes)s::int8[],
    %(currents)s::float8[], %(totals)s::float8[], %(messages)s::text[], %(checkpoints)s::text[],
    %(began_ago)s::float8[], %(ended_ago)s::float8[]
  ) AS given (id, attempt, status, outcome, result, error, run_at, granted, idle, cpu_seconds, peak_bytes,
    current, total, message, checkpoint, began_ago, ended_ago)
  JOIN jobs ON jobs.id = given.id
  WHERE jobs.status = 'active' AND jobs.attempts = given.attempt
  ORDER BY jobs.id
  FOR UPDATE OF jobs
), finished AS (
  UPDATE jobs SET
    status = ended.status,
    result = ended.result,
    error = CASE WHEN ended.status = 'completed' THEN NULL ELSE coalesce(ended.error, jobs.error) END,
    run_at = coalesce(ended.run_at, jobs.run_at),
    max_attempts = max_attempts + granted,
    lease_until = NULL,
    progress_current = CASE WHEN ended.status = 'completed'
      THEN coalesce(total, progress_total, current, progress_current) ELSE coalesce(current, progress_current) END,
    progress_total = coalesce(total, progress_total),
    progress_message = coalesce(message, progress_message),
    checkpoint = coalesce(ended.checkpoint, jobs.checkpoint),
    started_at = began_at,
    completed_at = CASE WHEN ended.status = 'completed' THEN ended_at END,
    failed_at = CASE WHEN ended.status = 'failed' THEN ended_at END,
    cancelled_at = CASE WHEN ended.status = 'cancelled' THEN ended_at END,
    updated_at = now(),
    revision = revision + 1
  FROM ended WHERE jobs.id = ended.id
  RETURNING jobs.id, organization_id, queue, jobs.status, revision, attempt, worker, began_at, ended_at, outcome,
    ended.error, began, cpu_seconds, peak_bytes
), history AS (
  INSERT INTO job_attempts (job_id, number, worker, started_at, ended_at, outcome, error, cpu_seconds, peak_bytes)
  SELECT id, attempt, worker, began_at, ended_at,
    CASE status WHEN 'cancelled' THEN 'cancelled' ELSE outcome END, error, cpu_seconds, peak_bytes
  FROM finished WHERE began
  ON CONFLICT (job_id, number) DO UPDATE SET
    ended_at = excluded.ended_at, outcome = excluded.outcome, error = excluded.error
), lines AS (
  INSERT INTO job_logs (job_id, attempt, at, level, message)
  SELECT finished.id, finished.attempt, line.at, line.level, line.message
  FROM unnest(
    %(log_ids)s::uuid[], %(log_ats)s::timestamptz[], %(log_levels)s::text[], %(log_messages)s::text[]
  ) WITH ORDINALITY AS line (job_id, at, level, message, place)
  JOIN finished ON finished.id = line.job_id
  ORDER BY line.place
), level (priority) AS (
  -- From priority to priority along jobs_for_claim: jobs whose time has not come are hopped over, not read.
  (
    SELECT priority FROM jobs WHERE queue = %(queue)s AND status = 'pending'
    ORDER BY priority DESC LIMIT 1
  )
  UNION ALL
  SELECT (
    SELECT jobs.priority FROM jobs
    WHERE queue = %(queue)s AND status = 'pending' AND jobs.priority < level.priority
    ORDER BY jobs.priority DESC LIMIT 1
  ) FROM level WHERE level.priority IS NOT NULL
), next AS (
  SELECT due.id FROM level CROSS JOIN LATERAL (
    SELECT id FROM jobs
    WHERE queue = %(queue)s AND status = 'pending' AND jobs.priority = level.priority AND run_at <= now()
    ORDER BY run_at, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
  ) AS due
  LIMIT %(limit)s
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
)
SELECT id, organization_id, user_id, type, queue, data, checkpoint, attempts, max_attempts, allowance, revision,
  status, priority, run_at
FROM claimed
UNION ALL
SELECT id, organization_id, NULL, NULL, queue, NULL, NULL, NULL, NULL, NULL, revision, status, NULL, NULL
FROM finished
ORDER BY priority DESC NULLS FIRST, run_at, id
