-- Of each of these jobs: the first that it depends on, how many it waits for, the first of those, and how many depend on
-- it, counted up to a bound. `parents`, `followed`: those of them that have any.
SELECT 'parent' AS kind, given.id AS of, edge.parent_id AS id, coalesce(jobs.name, '') AS name,
  coalesce(jobs.type, '') AS type, jobs.status, edge.decisive, NULL::bigint AS number
FROM unnest(%(parents)s::uuid[]) AS given (id)
CROSS JOIN LATERAL (
  SELECT parent_id, decisive FROM job_dependencies WHERE job_id = given.id ORDER BY parent_id LIMIT %(shown)s
) AS edge
LEFT JOIN jobs ON jobs.id = edge.parent_id
UNION ALL
SELECT 'decisive', given.id, edge.parent_id, coalesce(jobs.name, ''), coalesce(jobs.type, ''), jobs.status, true, NULL
FROM unnest(%(ended)s::uuid[]) AS given (id)
CROSS JOIN LATERAL (
  SELECT parent_id FROM job_dependencies WHERE job_id = given.id AND decisive ORDER BY parent_id LIMIT 1
) AS edge
LEFT JOIN jobs ON jobs.id = edge.parent_id
UNION ALL
SELECT 'waits', job_id, NULL, '', '', NULL, false, blockers FROM job_queue
WHERE job_id = ANY(%(pending)s::uuid[]) AND blockers > 0
UNION ALL
SELECT 'waited', given.id, edge.parent_id, '', '', NULL, false, NULL
FROM unnest(%(pending)s::uuid[]) AS given (id)
CROSS JOIN LATERAL (
  SELECT parent_id FROM job_dependencies WHERE job_id = given.id AND settled IS NULL ORDER BY parent_id LIMIT %(named)s
) AS edge
UNION ALL
SELECT 'children', given.id, NULL, '', '', NULL, false, counted.jobs
FROM unnest(%(followed)s::uuid[]) AS given (id)
CROSS JOIN LATERAL (
  SELECT count(*) AS jobs FROM (SELECT FROM job_dependencies WHERE parent_id = given.id LIMIT %(bound)s) AS few
) AS counted
ORDER BY of, kind, id
