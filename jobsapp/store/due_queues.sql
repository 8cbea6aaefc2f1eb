-- The queues with work to do now. Hops from queue to queue along jobs_for_claim instead of reading every row.
WITH RECURSIVE hop AS (
  (SELECT queue FROM jobs WHERE status = 'pending' ORDER BY queue LIMIT 1)
  UNION ALL
  SELECT (
    SELECT jobs.queue FROM jobs
    WHERE jobs.status = 'pending' AND jobs.queue > hop.queue
    ORDER BY jobs.queue LIMIT 1
  )
  FROM hop WHERE hop.queue IS NOT NULL
)
SELECT queue FROM hop
WHERE queue IS NOT NULL AND EXISTS (
  SELECT FROM jobs WHERE jobs.queue = hop.queue AND jobs.status = 'pending' AND jobs.run_at <= now()
)
