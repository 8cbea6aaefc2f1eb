SELECT scope, type, status, days, archive FROM retention_rules WHERE organization_id = %(organization_id)s
