-- Jobs that start now count for the limits of starts that they come under.
WITH started AS (
  SELECT 'queue' AS scope, %(queue)s AS key, cardinality(%(types)s::text[]) AS starts
  UNION ALL
  SELECT 'type', type, count(*) FROM unnest(%(types)s::text[]) AS type GROUP BY type
  UNION ALL
  SELECT 'organization', organization, count(*) FROM unnest(%(organizations)s::text[]) AS organization
  GROUP BY organization
)
INSERT INTO limit_starts (scope, key, starts)
SELECT started.* FROM started
WHERE EXISTS (
  SELECT FROM limits
  WHERE limits.scope = started.scope AND max_starts IS NOT NULL
    AND (limits.key = started.key OR (limits.scope = 'organization' AND limits.key = '*'))
)
