-- Jobs that start now count for the limits of starts that they come under. Starts of the same hundredth of the period
-- are one row, of the end of it: so a start counts a little longer than the period, never shorter, and a claim never
-- reads more than a hundred rows. The claims that write here wait for each other: see lock_limits.sql.
WITH started AS (
  SELECT 'queue' AS scope, %(queue)s AS key, cardinality(%(types)s::text[]) AS starts
  UNION ALL
  SELECT 'type', type, count(*) FROM unnest(%(types)s::text[]) AS type GROUP BY type
  UNION ALL
  SELECT 'organization', organization, count(*) FROM unnest(%(organizations)s::text[]) AS organization
  GROUP BY organization
), counted AS (
  SELECT started.*, to_timestamp(ceil(extract(epoch FROM now()) / step) * step) AS at
  FROM started CROSS JOIN LATERAL (
    SELECT min(period_seconds) / 100 AS step FROM limits
    WHERE limits.scope = started.scope
      AND (limits.key = started.key OR (limits.scope = 'organization' AND limits.key = '*'))
  ) AS of_limits
  WHERE step IS NOT NULL
), added AS (
  UPDATE limit_starts SET starts = limit_starts.starts + counted.starts
  FROM counted
  WHERE limit_starts.scope = counted.scope AND limit_starts.key = counted.key AND limit_starts.at = counted.at
  RETURNING limit_starts.scope, limit_starts.key
)
INSERT INTO limit_starts (scope, key, at, starts)
SELECT scope, key, at, starts FROM counted
WHERE NOT EXISTS (SELECT FROM added WHERE added.scope = counted.scope AND added.key = counted.key)
