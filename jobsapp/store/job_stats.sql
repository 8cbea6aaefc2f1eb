SELECT type, status, count(*) AS jobs,
  percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
    ORDER BY extract(epoch FROM completed_at - started_at) * 1000
  ) FILTER (WHERE status = 'completed') AS durations_ms
FROM jobs
WHERE organization_id = %(organization_id)s AND (%(user_id)s::uuid IS NULL OR user_id = %(user_id)s)
GROUP BY GROUPING SETS ((type, status), (status), ())
