-- These dependencies, locked, as far as they still are on a job that has ended, or is gone, and nobody settled them.
SELECT edge.job_id, edge.parent_id, edge.on_failure, coalesce(parent.status, 'gone') AS status,
  coalesce(parent.name, '') AS name
FROM unnest(%(jobs)s::uuid[], %(parents)s::uuid[]) AS given (job_id, parent_id)
JOIN job_dependencies AS edge USING (job_id, parent_id)
LEFT JOIN jobs AS parent ON parent.id = edge.parent_id
WHERE edge.settled IS NULL AND (parent.id IS NULL OR parent.status IN ('completed', 'failed', 'cancelled'))
ORDER BY edge.job_id, edge.parent_id
FOR UPDATE OF edge
