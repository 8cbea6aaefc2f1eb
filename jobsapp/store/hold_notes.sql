-- Too many at once: they wait, and go out together.
UPDATE notifications SET due_at = %(due_at)s, gathers = true WHERE id = ANY(%(note_ids)s)
