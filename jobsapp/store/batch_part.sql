-- The next jobs of a batch in their order, as they are: whether the change applies to them is asked again of each.
SELECT id, status, cancel_requested_at IS NOT NULL AS stopping, coalesce(failed_at, cancelled_at) AS ended_at
FROM jobs
WHERE batch_id = %(id)s AND (%(after)s::uuid IS NULL OR id > %(after)s)
ORDER BY batch_id, id LIMIT %(limit)s
