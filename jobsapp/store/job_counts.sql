-- How many jobs there are, of everybody or of one user: what is folded and what is not yet, in one snapshot.
SELECT type, status, duration, sum(jobs)::bigint AS jobs
FROM (
  SELECT type, status, duration, jobs FROM job_counts
  WHERE organization_id = %(organization_id)s
    AND user_id = coalesce(%(user_id)s::uuid, '00000000-0000-0000-0000-000000000000')
  UNION ALL
  SELECT type, status, duration, jobs FROM job_tallies
  WHERE organization_id = %(organization_id)s AND (%(user_id)s::uuid IS NULL OR user_id = %(user_id)s)
) AS every
GROUP BY type, status, duration
HAVING sum(jobs) <> 0
