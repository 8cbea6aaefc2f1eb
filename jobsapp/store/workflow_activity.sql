-- Of each of these workflows the newest run, and how many go on, counted up to a bound.
SELECT
  named.name, newest.id AS job_id, newest.status, newest.stopping, newest.created_at,
  (SELECT count(*) FROM (
    SELECT FROM workflow_runs
    WHERE organization_id = %(organization_id)s AND workflow = named.name AND running
    LIMIT %(most)s
  ) AS going) AS running
FROM unnest(%(names)s::text[]) AS named (name)
CROSS JOIN LATERAL (
  SELECT jobs.id, jobs.status, jobs.created_at,
    jobs.status = 'active' AND jobs.cancel_requested_at IS NOT NULL AS stopping
  FROM workflow_runs JOIN jobs ON jobs.id = workflow_runs.job_id
  WHERE workflow_runs.organization_id = %(organization_id)s AND workflow_runs.workflow = named.name
  ORDER BY workflow_runs.job_id DESC
  LIMIT 1
) AS newest
