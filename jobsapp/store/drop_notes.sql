-- Of a channel that was switched off meanwhile.
DELETE FROM notifications WHERE id = ANY(%(note_ids)s) AND delivery_id IS NULL
