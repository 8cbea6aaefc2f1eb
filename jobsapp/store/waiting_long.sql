-- Jobs of an organisation that wait, in order of the time from which on they may run, after the one that was looked at
-- last. Ranges of job_queue_for_claim, one for each queue and priority in which anything waits. `since`: one that was
-- handed back after an attempt keeps its time and its place, and waits since that attempt ended.
WITH RECURSIVE lane (queue, urgency, place) AS (
  (SELECT queue, urgency, 1 FROM job_queue WHERE due ORDER BY queue, urgency LIMIT 1)
  UNION ALL
  SELECT following.queue, following.urgency, place + 1 FROM lane CROSS JOIN LATERAL (
    SELECT other.queue, other.urgency FROM job_queue AS other
    WHERE other.due AND (other.queue, other.urgency) > (lane.queue, lane.urgency)
    ORDER BY other.queue, other.urgency LIMIT 1
  ) AS following
  WHERE place < %(lanes)s
), found AS MATERIALIZED (
  SELECT waiting.job_id, waiting.run_at FROM lane CROSS JOIN LATERAL (
    SELECT job_id, run_at FROM job_queue AS own
    WHERE own.due AND own.queue = lane.queue AND own.urgency = lane.urgency
      AND own.organization_id = %(organization_id)s
      AND (own.run_at, own.job_id) > (%(after)s::timestamptz, %(after_id)s::uuid) AND own.run_at <= %(until)s
    ORDER BY own.run_at, own.job_id LIMIT %(limit)s
  ) AS waiting
  ORDER BY waiting.run_at, waiting.job_id LIMIT %(limit)s
)
SELECT job_id, run_at, greatest(run_at, (
  SELECT ended_at FROM job_attempts AS last WHERE last.job_id = found.job_id ORDER BY number DESC LIMIT 1
)) AS since
FROM found ORDER BY run_at, job_id
