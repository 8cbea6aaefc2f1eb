-- Each limit with how much of it is used: how many run (as the leases of the workers say), how many started.
-- A limit for each organisation (`*`) is told for those that use some of it, and once as `*`, unused.
WITH running AS MATERIALIZED (
  SELECT
    CASE WHEN grouping(queue) = 0 THEN 'queue' WHEN grouping(type) = 0 THEN 'type' ELSE 'organization' END AS scope,
    coalesce(queue, type, organization_id::text) AS key,
    count(*) AS jobs
  FROM worker_leases
  -- A job that came back to a worker may be in its list twice.
  CROSS JOIN LATERAL (SELECT DISTINCT unnest(job_ids)) AS held (job_id)
  -- OFFSET keeps the planner from walking all jobs to find those in the lists.
  CROSS JOIN LATERAL (
    -- A workflow that waits for its steps must not keep them from running.
    SELECT queue, type, CASE WHEN jobs.worker <> 'workflows' THEN organization_id END AS organization_id FROM jobs
    WHERE jobs.id = held.job_id AND jobs.status = 'active' AND jobs.worker = worker_leases.worker
    OFFSET 0
  ) AS active_job
  WHERE EXISTS (SELECT FROM limits)
  GROUP BY GROUPING SETS ((queue), (type), (organization_id))
  HAVING coalesce(queue, type, organization_id::text) IS NOT NULL
), subject AS (
  SELECT scope, key, max_active, max_starts, period_seconds FROM limits
  UNION ALL
  SELECT each.scope, using_it.key, max_active, max_starts, period_seconds
  FROM limits AS each CROSS JOIN LATERAL (
    SELECT key FROM running WHERE running.scope = each.scope
    UNION
    SELECT key FROM limit_starts
    WHERE limit_starts.scope = each.scope AND at > now() - make_interval(secs => each.period_seconds)
  ) AS using_it
  WHERE each.scope = 'organization' AND each.key = '*'
    AND NOT EXISTS (SELECT FROM limits AS own WHERE own.scope = each.scope AND own.key = using_it.key)
)
SELECT subject.*, coalesce(running.jobs, 0) AS active, counted.starts, counted.frees_at
FROM subject LEFT JOIN running USING (scope, key)
CROSS JOIN LATERAL (
  SELECT coalesce(sum(starts), 0) AS starts, min(at) + make_interval(secs => subject.period_seconds) AS frees_at
  FROM limit_starts
  WHERE limit_starts.scope = subject.scope AND limit_starts.key = subject.key
    AND at > now() - make_interval(secs => subject.period_seconds)
) AS counted
