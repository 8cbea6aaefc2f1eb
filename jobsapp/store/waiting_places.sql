-- How many due jobs run before each of these, counted up to a bound: two ranges of jobs_for_claim,
-- each walked in the index's order, so that the bound bounds the cost.
SELECT waiting.id, (
  SELECT count(*) FROM (
    (
      SELECT FROM jobs AS urgent
      WHERE urgent.queue = waiting.queue AND urgent.status = 'pending' AND urgent.run_at <= now()
        AND urgent.priority > waiting.priority
      ORDER BY urgent.priority DESC, urgent.run_at, urgent.id
      LIMIT %(bound)s
    ) UNION ALL (
      SELECT FROM jobs AS earlier
      WHERE earlier.queue = waiting.queue AND earlier.status = 'pending' AND earlier.run_at <= now()
        AND earlier.priority = waiting.priority AND (earlier.run_at, earlier.id) < (waiting.run_at, waiting.id)
      ORDER BY earlier.run_at, earlier.id
      LIMIT %(bound)s
    )
    LIMIT %(bound)s
  ) AS counted
) AS ahead
FROM jobs AS waiting
WHERE waiting.id = ANY(%(ids)s) AND waiting.status = 'pending'
