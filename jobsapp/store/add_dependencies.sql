-- Parents that are completed are settled at once. All others of them are looked at once more after the commit: one that
-- ends meanwhile may not have seen that somebody waits for it.
INSERT INTO job_dependencies (job_id, parent_id, on_failure, settled)
SELECT given.job_id, given.parent_id, given.on_failure, CASE parent.status WHEN 'completed' THEN 'completed' END
FROM unnest(%(jobs)s::uuid[], %(parents)s::uuid[], %(policies)s::text[]) AS given (job_id, parent_id, on_failure)
JOIN jobs AS parent ON parent.id = given.parent_id AND parent.organization_id = %(organization_id)s
ON CONFLICT (job_id, parent_id) DO NOTHING
RETURNING job_id, settled IS NULL AS waits
