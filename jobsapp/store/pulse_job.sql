-- Sign of life, progress, log lines, checkpoint and the question whether to stop, in one fenced statement.
WITH silent AS (
  SELECT worker, revision, cancel_requested_at FROM jobs
  WHERE NOT %(writes)s AND id = %(id)s AND status = 'active' AND attempts = %(attempt)s
), spoken AS (
  UPDATE jobs SET
    progress_current = %(current)s,
    progress_total = %(total)s,
    progress_message = %(message)s,
    -- Less than the base counts something else: the rate begins anew. least() leaves out NULL.
    progress_base = least(progress_base, %(current)s),
    progress_base_at = CASE WHEN least(progress_base, %(current)s) IS DISTINCT FROM progress_base
      THEN now() ELSE progress_base_at END,
    checkpoint = coalesce(%(checkpoint)s, checkpoint),
    updated_at = CASE WHEN %(changed)s THEN now() ELSE updated_at END,
    revision = revision + %(changed)s::int
  WHERE %(writes)s AND id = %(id)s AND status = 'active' AND attempts = %(attempt)s
  RETURNING id, attempts, worker, revision, cancel_requested_at
), lines AS (
  INSERT INTO job_logs (job_id, attempt, at, level, message)
  SELECT spoken.id, spoken.attempts, line.at, line.level, line.message
  FROM spoken, unnest(%(log_at)s::timestamptz[], %(log_level)s::text[], %(log_message)s::text[])
    AS line (at, level, message)
), beat AS (
  SELECT worker, revision, cancel_requested_at FROM spoken UNION ALL SELECT * FROM silent
), alive AS (
  UPDATE worker_leases SET lease_until = now() + make_interval(secs => %(lease)s)
  FROM beat WHERE worker_leases.worker = beat.worker
)
SELECT revision, cancel_requested_at IS NOT NULL AS cancel_requested FROM beat
