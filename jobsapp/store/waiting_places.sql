-- How many due jobs of the same organisation and queue run before each of these, counted up to a bound: all of larger
-- priority, and those that came earlier. How many jobs others have is nobody's business. Ranges of job_queue_for_claim:
-- from priority to priority until the bound is reached, by as many steps or as many jobs, and the line of each priority
-- once.
WITH RECURSIVE waiting AS MATERIALIZED (
  SELECT job_id, queue, urgency, organization_id FROM job_queue WHERE job_id = ANY(%(ids)s) AND due
), level (queue, organization_id, last, urgency, more_urgent, steps) AS (
  SELECT queue, organization_id, last, (
    SELECT most.urgency FROM job_queue AS most WHERE most.queue = one.queue AND most.due ORDER BY most.urgency LIMIT 1
  ), 0::bigint, 0
  FROM (SELECT queue, organization_id, max(urgency) AS last FROM waiting GROUP BY queue, organization_id) AS one
  UNION ALL
  SELECT queue, organization_id, last, (
    SELECT less.urgency FROM job_queue AS less
    WHERE less.queue = level.queue AND less.due AND less.urgency > level.urgency ORDER BY less.urgency LIMIT 1
  ), more_urgent + (
    SELECT count(*) FROM (
      SELECT FROM job_queue AS own
      WHERE own.queue = level.queue AND own.due AND own.urgency = level.urgency
        AND own.organization_id = level.organization_id
      ORDER BY own.run_at, own.job_id
      LIMIT %(bound)s
    ) AS counted
  ), steps + 1
  FROM level WHERE urgency < last AND more_urgent < %(bound)s AND steps < %(bound)s
), line AS MATERIALIZED (
  SELECT mine.* FROM (SELECT DISTINCT queue, urgency, organization_id FROM waiting) AS one CROSS JOIN LATERAL (
    SELECT job_id, row_number() OVER (ORDER BY run_at, job_id) - 1 AS earlier FROM job_queue AS own
    WHERE own.queue = one.queue AND own.due AND own.urgency = one.urgency
      AND own.organization_id = one.organization_id
    ORDER BY run_at, job_id
    LIMIT %(bound)s
  ) AS mine
)
SELECT job_id, least(%(bound)s, coalesce(more_urgent, %(bound)s) + coalesce(earlier, %(bound)s)) AS ahead
FROM waiting LEFT JOIN level USING (queue, organization_id, urgency) LEFT JOIN line USING (job_id)
