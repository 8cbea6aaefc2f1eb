-- How many due jobs run before each of these at most, counted up to a bound. All of larger priority; those of the
-- same organisation that came earlier; and as many of each other organisation, and one more, whose turn may come first,
-- and one more for each further worker, because each has turns of its own. Ranges of
-- job_queue_for_claim, each walked in the index's order, so that the bound bounds the cost.
SELECT waiting.job_id, (
  SELECT count(*) FROM (
    (
      SELECT FROM job_queue AS urgent
      WHERE urgent.queue = waiting.queue AND urgent.due AND urgent.urgency < waiting.urgency
      ORDER BY urgent.urgency
      LIMIT %(bound)s
    ) UNION ALL (
      SELECT FROM generate_series(1, own.earlier)
    ) UNION ALL (
      SELECT FROM (
        WITH RECURSIVE lane (organization_id) AS (
          SELECT '00000000-0000-0000-0000-000000000000'::uuid
          UNION ALL
          SELECT (
            SELECT other.organization_id FROM job_queue AS other
            WHERE other.queue = waiting.queue AND other.due AND other.urgency = waiting.urgency
              AND other.organization_id > lane.organization_id
            ORDER BY other.organization_id
            LIMIT 1
          ) FROM lane WHERE lane.organization_id IS NOT NULL
        )
        SELECT organization_id FROM lane OFFSET 1
      ) AS other_lane CROSS JOIN LATERAL (
        SELECT FROM job_queue AS other
        WHERE other.queue = waiting.queue AND other.due AND other.urgency = waiting.urgency
          AND other.organization_id = other_lane.organization_id
          AND other.organization_id <> waiting.organization_id
        ORDER BY other.run_at, other.job_id
        LIMIT own.earlier + 1 + %(spare)s
      ) AS before_it
      LIMIT %(bound)s
    )
    LIMIT %(bound)s
  ) AS counted
) AS ahead
FROM job_queue AS waiting CROSS JOIN LATERAL (
  SELECT count(*) AS earlier FROM (
    SELECT FROM job_queue AS earlier
    WHERE earlier.queue = waiting.queue AND earlier.due AND earlier.urgency = waiting.urgency
      AND earlier.organization_id = waiting.organization_id
      AND (earlier.run_at, earlier.job_id) < (waiting.run_at, waiting.job_id)
    ORDER BY earlier.run_at, earlier.job_id
    LIMIT %(bound)s
  ) AS counted
) AS own
WHERE waiting.job_id = ANY(%(ids)s) AND waiting.due
