-- The queues with work to do now. Hops from queue to queue along job_queue_for_claim instead of reading every row.
-- `under_limits`: only if there are limits that hold for several queues at once.
WITH RECURSIVE hop AS (
  (
    SELECT queue FROM job_queue
    WHERE due AND (NOT %(under_limits)s OR EXISTS (SELECT FROM limits WHERE scope <> 'queue'))
    ORDER BY queue LIMIT 1
  )
  UNION ALL
  SELECT (
    SELECT job_queue.queue FROM job_queue WHERE due AND job_queue.queue > hop.queue ORDER BY job_queue.queue LIMIT 1
  )
  FROM hop WHERE hop.queue IS NOT NULL
)
SELECT queue FROM hop
WHERE queue IS NOT NULL AND NOT EXISTS (SELECT FROM queues WHERE name = hop.queue AND paused_at IS NOT NULL)
