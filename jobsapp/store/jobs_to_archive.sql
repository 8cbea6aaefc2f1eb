SELECT * FROM jobs WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id
