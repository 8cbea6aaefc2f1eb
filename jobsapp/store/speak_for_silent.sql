-- Sign of life of a job whose own process cannot give one. Fenced; says nothing but that it lives.
UPDATE jobs SET lease_until = now() + make_interval(secs => %(lease)s)
WHERE id = %(id)s AND status = 'active' AND attempts = %(attempt)s
RETURNING cancel_requested_at IS NOT NULL AS cancel_requested
