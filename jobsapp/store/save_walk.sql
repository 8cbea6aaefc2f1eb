UPDATE retention_walks
SET position = %(position)s, round_at = %(round_at)s, due_at = clock_timestamp() + make_interval(secs => %(pause)s)
WHERE (organization_id, scope, type, status)
  = (%(organization_id)s::uuid, %(scope)s::text, %(type)s::text, %(status)s::text)
