-- How many jobs ended in each stretch of time from `since` on, by type and state; and of those that completed how long
-- they took, by stretch and by type. Three sums at once: all four together would be a row for nearly each job.
SELECT stretch, type, status, duration, sum(jobs)::bigint AS jobs
FROM (
  SELECT floor(extract(epoch FROM at - %(since)s) / %(step)s)::int AS stretch, type, status, duration, jobs FROM (
    SELECT at, type, status, duration, jobs FROM job_history
    WHERE organization_id = %(organization_id)s AND grain = %(grain)s AND at >= %(since)s
    UNION ALL
    SELECT minute, type, status, duration, ended FROM job_tallies
    WHERE organization_id = %(organization_id)s AND ended > 0 AND minute >= %(since)s
  ) AS every
  WHERE %(type)s::text IS NULL OR type = %(type)s
) AS ended
GROUP BY GROUPING SETS ((stretch, type, status), (stretch, duration), (type, duration))
HAVING duration IS NULL OR duration >= 0
