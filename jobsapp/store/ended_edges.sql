-- Dependencies on jobs that have ended, or are gone, and that nobody settled yet: of these parents, and of these jobs.
SELECT edge.job_id, edge.parent_id, edge.on_failure, coalesce(parent.status, 'gone') AS status,
  coalesce(parent.name, '') AS name
FROM (
  SELECT job_id, parent_id FROM job_dependencies WHERE parent_id = ANY(%(parents)s::uuid[]) AND settled IS NULL
  UNION
  SELECT job_id, parent_id FROM job_dependencies WHERE job_id = ANY(%(jobs)s::uuid[]) AND settled IS NULL
) AS wanted
JOIN job_dependencies AS edge USING (job_id, parent_id)
LEFT JOIN jobs AS parent ON parent.id = edge.parent_id
WHERE edge.settled IS NULL AND (parent.id IS NULL OR parent.status IN ('completed', 'failed', 'cancelled'))
ORDER BY edge.job_id, edge.parent_id
LIMIT %(limit)s
FOR UPDATE OF edge
