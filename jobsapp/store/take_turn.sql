-- What came of some attempts, and the next jobs of a queue: one round trip and one commit for both.
--
-- Fenced by id, status and attempt: a worker presumed dead cannot write over the one that took its job. A cancel
-- asked for while the attempt was ending wins over another attempt and over failure, not over success. Times are
-- ages by the worker, so that its clock plays no part.
WITH RECURSIVE ended AS MATERIALIZED (
  SELECT jobs.id, given.place, given.attempt, given.outcome, given.error::json AS error,
    given.result::json AS result, given.run_in,
    coalesce(given.granted, 0) AS granted, given.idle IS NULL AS began, given.cpu_seconds, given.peak_bytes,
    given.current, given.total, given.message, given.checkpoint::json AS checkpoint,
    coalesce(now() - make_interval(secs => given.began_ago), started_at) AS began_at,
    now() - make_interval(secs => coalesce(given.ended_ago, 0)) AS ended_at,
    CASE WHEN cancel_requested_at IS NOT NULL AND given.status IN ('pending', 'failed') THEN 'cancelled'
      ELSE given.status END AS status
  FROM unnest(
    %(ids)s::uuid[], %(attempts)s::int[], %(statuses)s::text[], %(outcomes)s::text[], %(results)s::text[],
    %(errors)s::text[], %(run_in)s::float8[], %(granted)s::int[], %(idle)s::bool[],
    %(cpu_seconds)s::float8[], %(peak_bytes)s::int8[],
    %(currents)s::float8[], %(totals)s::float8[], %(messages)s::text[], %(checkpoints)s::text[],
    %(began_ago)s::float8[], %(ended_ago)s::float8[]
  ) WITH ORDINALITY AS given (id, attempt, status, outcome, result, error, run_in, granted, idle, cpu_seconds,
    peak_bytes,
    current, total, message, checkpoint, began_ago, ended_ago, place)
  JOIN jobs ON jobs.id = given.id
  WHERE jobs.status = 'active' AND jobs.attempts = given.attempt
  ORDER BY jobs.id
  FOR UPDATE OF jobs
), finished AS (
  UPDATE jobs SET
    status = ended.status,
    result = ended.result,
    error = CASE WHEN ended.status = 'completed' THEN NULL ELSE coalesce(ended.error, jobs.error) END,
    run_at = coalesce(now() + make_interval(secs => run_in), jobs.run_at),
    max_attempts = max_attempts + granted,
    progress_current = CASE WHEN ended.status = 'completed'
      THEN coalesce(total, progress_total, current, progress_current) ELSE coalesce(current, progress_current) END,
    progress_total = coalesce(total, progress_total),
    progress_message = coalesce(message, progress_message),
    checkpoint = coalesce(ended.checkpoint, jobs.checkpoint),
    cpu_seconds = ended.cpu_seconds,
    peak_bytes = ended.peak_bytes,
    started_at = began_at,
    completed_at = CASE WHEN ended.status = 'completed' THEN ended_at END,
    failed_at = CASE WHEN ended.status = 'failed' THEN ended_at END,
    cancelled_at = CASE WHEN ended.status = 'cancelled' THEN ended_at END,
    updated_at = now(),
    revision = revision + 1
  FROM ended WHERE jobs.id = ended.id
  RETURNING jobs.id, ended.place, organization_id, queue, type, priority, jobs.run_at, expires_at, jobs.status,
    revision, attempt,
    worker, began_at, ended_at, outcome, ended.error, began, jobs.cpu_seconds, jobs.peak_bytes
), history AS (
  -- The attempt that completes a job stays on the job's own row: no other follows.
  INSERT INTO job_attempts (job_id, number, worker, started_at, ended_at, outcome, error, cpu_seconds, peak_bytes)
  SELECT id, attempt, worker, began_at, ended_at,
    CASE status WHEN 'cancelled' THEN 'cancelled' ELSE outcome END, error, cpu_seconds, peak_bytes
  FROM finished WHERE began AND status <> 'completed'
  ON CONFLICT (job_id, number) DO UPDATE SET
    ended_at = excluded.ended_at, outcome = excluded.outcome, error = excluded.error
), again AS (
  INSERT INTO job_queue (job_id, queue, urgency, organization_id, type, run_at, due, expires_at)
  SELECT id, queue, -priority, organization_id, type, run_at, run_at <= now(), expires_at
  FROM finished WHERE status = 'pending'
), lines AS (
  INSERT INTO job_logs (job_id, attempt, at, level, message)
  SELECT finished.id, finished.attempt, line.at, line.level, line.message
  FROM unnest(
    %(log_ids)s::uuid[], %(log_ats)s::timestamptz[], %(log_levels)s::text[], %(log_messages)s::text[]
  ) WITH ORDINALITY AS line (job_id, at, level, message, place)
  JOIN finished ON finished.id = line.job_id
  ORDER BY line.place
), lane (urgency, organization_id, lap, is_start) AS (
  -- The organisations that wait, by priority: of each those after the one that had the last turn (lap 0), then the
  -- others (lap 1). The first row is where it starts from.
  SELECT (
    SELECT urgency FROM job_queue WHERE queue = %(queue)s AND due ORDER BY urgency, organization_id LIMIT 1
  ), %(after)s::uuid, 0, true
  WHERE %(limit)s > 0 AND NOT EXISTS (SELECT FROM queues WHERE name = %(queue)s AND paused_at IS NOT NULL)
    AND (%(within_limits)s OR NOT EXISTS (
      SELECT FROM limits WHERE (scope = 'queue' AND key = %(queue)s) OR (scope = 'organization' AND key = '*')
    ))
  UNION ALL
  SELECT following.*, false FROM lane CROSS JOIN LATERAL (
    (
      SELECT urgency, organization_id, 0 FROM job_queue AS other
      WHERE lane.lap = 0 AND other.queue = %(queue)s AND other.due
        AND other.urgency = lane.urgency AND other.organization_id > lane.organization_id
      ORDER BY other.organization_id LIMIT 1
    ) UNION ALL (
      SELECT urgency, organization_id, 1 FROM job_queue AS other
      WHERE other.queue = %(queue)s AND other.due
        AND other.urgency = lane.urgency AND other.organization_id <= %(after)s
        AND other.organization_id > CASE lane.lap
          WHEN 1 THEN lane.organization_id ELSE '00000000-0000-0000-0000-000000000000' END
      ORDER BY other.organization_id LIMIT 1
    ) UNION ALL (
      SELECT first.* FROM (
        SELECT urgency FROM job_queue AS other
        WHERE other.queue = %(queue)s AND other.due AND other.urgency > lane.urgency
        ORDER BY other.urgency LIMIT 1
      ) AS below CROSS JOIN LATERAL (
        (
          SELECT urgency, organization_id, 0 FROM job_queue AS other
          WHERE other.queue = %(queue)s AND other.due
            AND other.urgency = below.urgency AND other.organization_id > %(after)s
          ORDER BY other.organization_id LIMIT 1
        ) UNION ALL (
          SELECT urgency, organization_id, 1 FROM job_queue AS other
          WHERE other.queue = %(queue)s AND other.due
            AND other.urgency = below.urgency AND other.organization_id <= %(after)s
          ORDER BY other.organization_id LIMIT 1
        )
        LIMIT 1
      ) AS first
    )
    LIMIT 1
  ) AS following
), line AS MATERIALIZED (
  -- More than are needed: those that another worker has locked give nothing.
  SELECT *, row_number() OVER () AS place FROM (
    SELECT urgency, organization_id FROM lane
    WHERE NOT is_start AND organization_id <> ALL(%(full_organizations)s::uuid[])
    LIMIT %(limit)s + 128
  ) AS waiting
), portion AS MATERIALIZED (
  -- All lines of a priority get the same share of the batch, and the first of them one more where it does not divide:
  -- so it is as if each had one after the other. What some of them leave over the others get in a second
  -- round, before a smaller priority gets anything. (That round may find rows of the first again, which harms nobody.)
  SELECT line.*, round, CASE round WHEN 1 THEN share ELSE %(limit)s END AS size
  FROM (
    SELECT *, greatest(
        1, (%(limit)s + count(*) OVER urgent - row_number() OVER (urgent ORDER BY place)) / count(*) OVER urgent
      )
      AS share
    FROM line WINDOW urgent AS (PARTITION BY urgency)
  ) AS line
  CROSS JOIN generate_series(1, 2) AS round
  WHERE round = 1 OR share < %(limit)s
  ORDER BY urgency, round, place
), found AS MATERIALIZED (
  SELECT due.* FROM portion CROSS JOIN LATERAL (
    SELECT job_id, ctid AS row, type, organization_id FROM job_queue
    WHERE queue = %(queue)s AND due
      AND urgency = portion.urgency AND organization_id = portion.organization_id
      AND (expires_at IS NULL OR expires_at > now()) AND type <> ALL(%(full_types)s::text[])
    ORDER BY run_at, job_id
    LIMIT portion.size
    FOR UPDATE SKIP LOCKED
  ) AS due
  LIMIT %(limit)s
), limited AS MATERIALIZED (
  -- Limits that concern this claim: of the queue, of each organisation, or of what was found.
  SELECT FROM limits
  WHERE NOT %(within_limits)s AND %(limit)s > 0 AND (
    (scope = 'queue' AND key = %(queue)s)
    OR (scope = 'organization' AND (key = '*' OR key IN (SELECT organization_id::text FROM found)))
    OR (scope = 'type' AND key IN (SELECT type FROM found))
  )
  LIMIT 1
), next AS (
  SELECT row FROM found WHERE NOT %(within_limits)s AND NOT EXISTS (SELECT FROM limited)
  UNION ALL
  SELECT row FROM (
    SELECT row, type, organization_id, row_number() OVER (PARTITION BY type ORDER BY place) AS of_type,
      row_number() OVER (PARTITION BY organization_id ORDER BY place) AS of_organization
    FROM (
      SELECT row, type, organization_id, min(place) AS place
      FROM (SELECT *, row_number() OVER () AS place FROM found WHERE %(within_limits)s) AS placed
      GROUP BY row, type, organization_id
    ) AS candidate
  ) AS counted
  WHERE of_type <= coalesce((%(rooms)s::json -> 'types' ->> type)::int, of_type)
    AND of_organization <= coalesce(
      (%(rooms)s::json -> 'organizations' ->> organization_id::text)::int,
      (%(rooms)s::json ->> 'each')::int,
      of_organization
    )
), taken AS (
  DELETE FROM job_queue USING next WHERE job_queue.ctid = next.row RETURNING job_queue.job_id
), claimed AS (
  UPDATE jobs SET
    status = 'active',
    attempts = attempts + 1,
    worker = %(worker)s,
    started_at = now(),
    updated_at = now(),
    progress_current = NULL,
    progress_total = NULL,
    progress_message = NULL,
    -- With a checkpoint the first report is the base: what it brought was not done by this attempt.
    progress_base = CASE WHEN checkpoint IS NULL THEN 0 END,
    progress_base_at = CASE WHEN checkpoint IS NULL THEN now() END,
    revision = revision + 1
  FROM taken WHERE jobs.id = taken.job_id AND jobs.status = 'pending'
  RETURNING jobs.*
), held AS (
  -- What came of a job before may have been written by another statement: the list may name more than there is.
  INSERT INTO worker_leases AS mine (worker, lease_until, job_ids)
  SELECT %(worker)s, now() + make_interval(secs => %(lease)s), ARRAY(SELECT id FROM claimed)
  WHERE %(worker)s <> ''
  ON CONFLICT (worker) DO UPDATE SET
    lease_until = excluded.lease_until,
    job_ids = ARRAY(SELECT unnest(mine.job_ids) EXCEPT SELECT id FROM finished) || excluded.job_ids
)
SELECT NULL::bigint AS place, status, revision, organization_id::text, queue, priority, run_at, id, user_id::text, type,
  data, checkpoint, attempts, max_attempts, allowance, timeout_seconds, retry
FROM claimed
UNION ALL
SELECT place, status, revision, organization_id::text, queue, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  NULL, NULL
FROM finished
UNION ALL
SELECT NULL, 'limited', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM limited
ORDER BY priority DESC NULLS FIRST, run_at, id
