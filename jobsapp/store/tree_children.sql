-- What depends on these jobs, a piece of it in the order of (parent, job). `ended`: whether it ended with that one.
SELECT edge.parent_id, edge.job_id, edge.decisive AND jobs.status IN ('failed', 'cancelled') AS ended
FROM job_dependencies AS edge
JOIN jobs ON jobs.id = edge.job_id AND jobs.organization_id = %(organization_id)s
WHERE edge.parent_id = ANY(%(ids)s::uuid[]) AND (edge.parent_id, edge.job_id) > (%(parent)s::uuid, %(child)s::uuid)
ORDER BY edge.parent_id, edge.job_id
LIMIT %(limit)s
