-- A part of the organisation's jobs, from the oldest on, and which of them a rule gives up. The order is that of
-- jobs_of_organization read from its end, and no other index has it (services/listing.py).
WITH walked AS MATERIALIZED (
  SELECT id, type, status, coalesce(completed_at, failed_at, cancelled_at) AS ended_at FROM jobs
  WHERE organization_id = ANY(ARRAY[%(organization_id)s]::uuid[]) AND id > %(after)s AND id < %(before)s
  ORDER BY organization_id DESC, id
  LIMIT %(window)s
), due AS (
  SELECT id FROM walked
  WHERE status = ANY(%(statuses)s) AND status || '/' || type <> ALL(%(others)s)
    AND ended_at < now() - make_interval(days => %(days)s)
  ORDER BY id
  LIMIT %(limit)s
)
SELECT ARRAY(SELECT id FROM due ORDER BY id) AS due, (SELECT count(*) FROM walked) AS seen,
  (SELECT id FROM walked ORDER BY id DESC LIMIT 1) AS last_id
