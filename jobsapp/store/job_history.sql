-- How many jobs ended in each stretch of time from `since` on, and how long those took that completed.
SELECT date_bin(make_interval(secs => %(step)s), at, %(since)s) AS at, type, status, duration, sum(jobs)::bigint AS jobs
FROM (
  SELECT at, type, status, duration, jobs FROM job_history
  WHERE organization_id = %(organization_id)s AND grain = %(grain)s AND at >= %(since)s
  UNION ALL
  SELECT minute, type, status, duration, ended FROM job_tallies
  WHERE organization_id = %(organization_id)s AND ended > 0 AND minute >= %(since)s
) AS every
WHERE %(type)s::text IS NULL OR type = %(type)s
GROUP BY 1, 2, 3, 4
