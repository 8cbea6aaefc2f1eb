DELETE FROM retention_walks
WHERE (organization_id, scope, type, status)
  = (%(organization_id)s::uuid, %(scope)s::text, %(type)s::text, %(status)s::text)
