-- Sign of life, progress, log lines, checkpoint and the question whether to stop, in one fenced statement.
WITH beat AS (
  UPDATE jobs SET
    lease_until = now() + make_interval(secs => %(lease)s),
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
  WHERE id = %(id)s AND status = 'active' AND attempts = %(attempt)s
  RETURNING id, attempts, revision, cancel_requested_at
), lines AS (
  INSERT INTO job_logs (job_id, attempt, at, level, message)
  SELECT beat.id, beat.attempts, line.at, line.level, line.message
  FROM beat, unnest(%(log_at)s::timestamptz[], %(log_level)s::text[], %(log_message)s::text[])
    AS line (at, level, message)
)
SELECT revision, cancel_requested_at IS NOT NULL AS cancel_requested FROM beat
