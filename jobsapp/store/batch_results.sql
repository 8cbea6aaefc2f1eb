-- Of a batch's jobs in their order the next ones, with what came of them. Tracebacks are not for everybody.
SELECT id, name, type, status, result, error ->> 'type' AS error_type, error ->> 'message' AS error_message
FROM jobs
WHERE batch_id = %(id)s AND organization_id = %(organization_id)s AND (%(after)s::uuid IS NULL OR id > %(after)s)
ORDER BY batch_id, id LIMIT %(limit)s
