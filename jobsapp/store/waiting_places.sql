-- How many due jobs run before each of these, counted up to a bound.
SELECT waiting.id, (
  SELECT count(*) FROM (
    SELECT FROM jobs AS ahead
    WHERE ahead.queue = waiting.queue AND ahead.status = 'pending' AND ahead.run_at <= now()
      AND (ahead.priority > waiting.priority
        OR ahead.priority = waiting.priority AND (ahead.run_at, ahead.id) < (waiting.run_at, waiting.id))
    LIMIT %(bound)s
  ) AS counted
) AS ahead
FROM jobs AS waiting
WHERE waiting.id = ANY(%(ids)s) AND waiting.status = 'pending'
