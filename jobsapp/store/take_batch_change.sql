-- A batch whose jobs are being cancelled or retried, for who goes on with it. `id` NULL: whichever, so that none waits for another.
SELECT id, organization_id, user_id, change, change_at, change_after, change_left, change_by, change_reason,
  change_cancelled
FROM batches
WHERE change IS NOT NULL AND (%(id)s::uuid IS NULL OR id = %(id)s)
ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED
