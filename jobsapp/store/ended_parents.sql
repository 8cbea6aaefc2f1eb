-- Some dependencies that nobody settled yet although the parent has ended, or is gone: on these parents, and of these jobs.
SELECT job_id, parent_id FROM (
  (
    SELECT edge.job_id, given.id AS parent_id
    FROM unnest(%(parents)s::uuid[]) AS given (id)
    LEFT JOIN jobs AS parent ON parent.id = given.id
    CROSS JOIN LATERAL (
      SELECT job_id FROM job_dependencies WHERE parent_id = given.id AND settled IS NULL LIMIT %(limit)s
    ) AS edge
    WHERE parent.id IS NULL OR parent.status IN ('completed', 'failed', 'cancelled')
    LIMIT %(limit)s
  ) UNION (
    SELECT edge.job_id, edge.parent_id
    FROM job_dependencies AS edge LEFT JOIN jobs AS parent ON parent.id = edge.parent_id
    WHERE edge.job_id = ANY(%(jobs)s::uuid[]) AND edge.settled IS NULL
      AND (parent.id IS NULL OR parent.status IN ('completed', 'failed', 'cancelled'))
    LIMIT %(limit)s
  )
) AS ended
LIMIT %(limit)s
