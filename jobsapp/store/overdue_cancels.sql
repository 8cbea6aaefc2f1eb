SELECT id, attempts AS attempt, worker FROM jobs
WHERE status = 'active' AND cancel_requested_at < now() - make_interval(secs => %(grace)s)
ORDER BY id
LIMIT 100
