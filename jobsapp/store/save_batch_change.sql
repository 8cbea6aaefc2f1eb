-- `change` NULL: it is done.
UPDATE batches SET change = %(change)s, change_after = %(after)s, change_left = %(left)s WHERE id = %(id)s
