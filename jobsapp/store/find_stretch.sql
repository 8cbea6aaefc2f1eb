-- The first of these stretches of time of an organisation in which a job may have the text, counted from 1.
SELECT place::int AS place
FROM unnest(%(scopes)s::text[]) WITH ORDINALITY AS part (scope, place)
WHERE EXISTS (
  SELECT FROM jobs
  WHERE (organization_id::text || substr(id::text, 1, 4)
      || translate(substr(id::text, 5, 1), '0123456789abcdef', '000044448888cccc')) = part.scope
    AND lower(name || E'\n' || description) LIKE %(like)s
  OFFSET 0
)
ORDER BY place
LIMIT 1
