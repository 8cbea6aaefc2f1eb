-- Messages from long ago, by their ids, which sort by time; with the notifications that were in them.
DELETE FROM deliveries WHERE id IN (
  SELECT id FROM deliveries WHERE id < %(before)s ORDER BY id LIMIT %(limit)s
)
