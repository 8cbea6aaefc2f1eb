SELECT queue, count(*) AS jobs FROM jobs
WHERE status = 'pending' AND run_at <= now()
  AND organization_id = %(organization_id)s AND (%(user_id)s::uuid IS NULL OR user_id = %(user_id)s)
GROUP BY queue
ORDER BY queue
