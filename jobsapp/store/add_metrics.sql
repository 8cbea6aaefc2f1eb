-- Fenced: nothing is written for an attempt that this worker lost.
INSERT INTO job_metrics (job_id, attempt, key, step, value)
SELECT jobs.id, jobs.attempts, point.key, point.step, point.value
FROM unnest(%(keys)s::text[], %(steps)s::float8[], %(values)s::float8[])
  WITH ORDINALITY AS point (key, step, value, place)
JOIN jobs ON jobs.id = %(id)s AND jobs.status = 'active' AND jobs.attempts = %(attempt)s
ORDER BY point.place
