-- The newest jobs that have a text, in some stretches of time of an organisation, the newest of which comes first.
--
-- The index (`jobs_by_text`) finds all that may match in a stretch; the rest is asked of those alone, hence OFFSET 0.
-- The pattern is asked by code points, as core/filters.py does it.
SELECT found.id
FROM unnest(%(scopes)s::text[]) WITH ORDINALITY AS part (scope, place)
CROSS JOIN LATERAL (
  SELECT candidate.id FROM (
    SELECT id, organization_id, type, queue, user_id, status, name, description FROM jobs
    WHERE (organization_id::text || substr(id::text, 1, 4)
        || translate(substr(id::text, 5, 1), '0123456789abcdef', '000044448888cccc')) = part.scope
      AND lower(name || E'\n' || description) LIKE %(like)s
    OFFSET 0
  ) AS candidate
  WHERE candidate.organization_id = %(organization_id)s AND candidate.id < %(before)s
    AND (%(first)s::uuid IS NULL OR candidate.id >= %(first)s)
    AND (%(type)s::text IS NULL OR candidate.type = %(type)s)
    AND (%(queue)s::text IS NULL OR candidate.queue = %(queue)s)
    AND (%(user_id)s::uuid IS NULL OR candidate.user_id = %(user_id)s)
    AND (%(status)s::text IS NULL OR candidate.status = %(status)s)
    AND (candidate.name COLLATE "C" ~ %(pattern)s OR candidate.description COLLATE "C" ~ %(pattern)s)
  ORDER BY candidate.id DESC
  LIMIT %(limit)s
) AS found
ORDER BY part.place, found.id DESC
LIMIT %(limit)s
