-- What a job depends on, with what came of it and the files that it made.
SELECT parent.id, parent.name, parent.type, parent.status, parent.result,
  (SELECT coalesce(json_object_agg(files.name, files.id), '{}') FROM files WHERE files.job_id = parent.id) AS artifacts
FROM (
  SELECT parent_id FROM job_dependencies WHERE job_id = %(id)s ORDER BY parent_id LIMIT %(limit)s
) AS edge
JOIN jobs AS parent ON parent.id = edge.parent_id AND parent.organization_id = %(organization_id)s
ORDER BY parent.id
