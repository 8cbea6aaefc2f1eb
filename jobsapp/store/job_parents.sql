-- What a job depends on, from there on, in the order of the ids.
SELECT edge.parent_id AS id, coalesce(parent.name, '') AS name, coalesce(parent.type, '') AS type, parent.status
FROM job_dependencies AS edge
JOIN jobs AS child ON child.id = edge.job_id AND child.organization_id = %(organization_id)s
LEFT JOIN jobs AS parent ON parent.id = edge.parent_id
WHERE edge.job_id = %(id)s AND (%(after)s::uuid IS NULL OR edge.parent_id > %(after)s)
ORDER BY edge.parent_id
LIMIT %(limit)s
