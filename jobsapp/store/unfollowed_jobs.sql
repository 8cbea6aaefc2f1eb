SELECT id FROM jobs WHERE id = ANY(%(ids)s::uuid[]) AND organization_id = %(organization_id)s AND NOT followed
