-- How many due jobs run before each of these at most, counted up to a bound. All of larger priority; those of the
-- same organisation that came earlier; and as many of each other organisation, and one more, whose turn may come first,
-- and one more for each further worker, because each has turns of its own. Ranges of
-- job_queue_for_claim, each walked in the index's order, so that the bound bounds the cost. What the jobs of a page have
-- in common is looked up once: what is more urgent, which organisations wait, the line of their own.
WITH RECURSIVE waiting AS MATERIALIZED (
  SELECT job_id, queue, urgency, organization_id FROM job_queue WHERE job_id = ANY(%(ids)s) AND due
), lane (queue, urgency, organization_id, place) AS (
  SELECT DISTINCT queue, urgency, '00000000-0000-0000-0000-000000000000'::uuid, 0 FROM waiting
  UNION ALL
  SELECT queue, urgency, (
    SELECT other.organization_id FROM job_queue AS other
    WHERE other.queue = lane.queue AND other.due AND other.urgency = lane.urgency
      AND other.organization_id > lane.organization_id
    ORDER BY other.organization_id
    LIMIT 1
  ), place + 1
  FROM lane WHERE lane.organization_id IS NOT NULL AND place <= %(bound)s
), front AS MATERIALIZED (
  SELECT queue, urgency, array_agg(organization_id) FILTER (WHERE place > 0 AND organization_id IS NOT NULL) AS lanes, (
    SELECT count(*) FROM (
      SELECT FROM job_queue AS urgent
      WHERE urgent.queue = lane.queue AND urgent.due AND urgent.urgency < lane.urgency
      ORDER BY urgent.urgency
      LIMIT %(bound)s
    ) AS counted
  ) AS urgent
  FROM lane GROUP BY queue, urgency
), line AS MATERIALIZED (
  SELECT own.* FROM (SELECT DISTINCT queue, urgency, organization_id FROM waiting) AS one CROSS JOIN LATERAL (
    SELECT job_id, row_number() OVER (ORDER BY run_at, job_id) - 1 AS earlier FROM job_queue AS mine
    WHERE mine.queue = one.queue AND mine.due AND mine.urgency = one.urgency
      AND mine.organization_id = one.organization_id
    ORDER BY run_at, job_id
    LIMIT %(bound)s
  ) AS own
), placed AS MATERIALIZED (
  SELECT waiting.*, lanes, urgent, coalesce(line.earlier, %(bound)s) AS earlier
  FROM waiting JOIN front USING (queue, urgency) LEFT JOIN line USING (job_id)
)
SELECT job_id, least(%(bound)s, urgent + earlier + (
  SELECT count(*) FROM (
    SELECT FROM unnest(lanes) AS other_lane (organization_id) CROSS JOIN LATERAL (
      SELECT FROM job_queue AS other
      WHERE other.queue = placed.queue AND other.due AND other.urgency = placed.urgency
        AND other.organization_id = other_lane.organization_id
      ORDER BY other.run_at, other.job_id
      LIMIT placed.earlier + 1 + %(spare)s
    ) AS before_it
    WHERE other_lane.organization_id <> placed.organization_id AND urgent + earlier < %(bound)s
    LIMIT %(bound)s
  ) AS counted
)) AS ahead
FROM placed
