-- It failed: again after twice as long each time, and after so many tries never by itself.
UPDATE job_outbox SET
  tries = tries + 1,
  fault = %(fault)s,
  not_before = CASE WHEN tries + 1 < %(most)s THEN now() + make_interval(secs => 2 ^ tries) END
WHERE id = %(id)s
RETURNING tries
