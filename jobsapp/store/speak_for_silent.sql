-- Sign of life of a job whose own process cannot give one. Fenced; says nothing but that it lives.
WITH silent AS (
  SELECT worker, cancel_requested_at IS NOT NULL AS cancel_requested FROM jobs
  WHERE id = %(id)s AND status = 'active' AND attempts = %(attempt)s
), alive AS (
  UPDATE worker_leases SET lease_until = now() + make_interval(secs => %(lease)s)
  FROM silent WHERE worker_leases.worker = silent.worker
)
SELECT cancel_requested FROM silent
