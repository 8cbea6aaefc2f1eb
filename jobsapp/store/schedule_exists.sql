SELECT id FROM schedules WHERE id = %(id)s AND organization_id = %(organization_id)s
