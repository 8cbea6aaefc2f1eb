SELECT id FROM files WHERE id = ANY(%(ids)s)
