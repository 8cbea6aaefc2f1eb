SELECT count(*) AS finished FROM jobs
WHERE status IN ('completed', 'failed', 'cancelled')
  AND coalesce(completed_at, failed_at, cancelled_at) < now() - make_interval(days => %(days)s)
  AND (%(organization_id)s::uuid IS NULL OR organization_id = %(organization_id)s)
