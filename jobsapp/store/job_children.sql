-- What depends on a job, from there on, in the order of the ids.
SELECT edge.job_id AS id, child.name, child.type, child.status
FROM job_dependencies AS edge
JOIN jobs AS child ON child.id = edge.job_id AND child.organization_id = %(organization_id)s
WHERE edge.parent_id = %(id)s AND (%(after)s::uuid IS NULL OR edge.job_id > %(after)s)
ORDER BY edge.job_id
LIMIT %(limit)s
