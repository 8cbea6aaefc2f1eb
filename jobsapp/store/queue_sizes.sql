-- How many due jobs wait in each queue, and since when: of those of the largest priority, up to a bound. Hops from queue to queue along job_queue_for_claim.
WITH RECURSIVE hop AS (
  (SELECT queue FROM job_queue WHERE due ORDER BY queue LIMIT 1)
  UNION ALL
  SELECT (
    SELECT job_queue.queue FROM job_queue WHERE due AND job_queue.queue > hop.queue ORDER BY job_queue.queue LIMIT 1
  )
  FROM hop WHERE hop.queue IS NOT NULL
)
SELECT hop.queue, counted.jobs, counted.oldest_at
FROM hop, LATERAL (
  SELECT count(*) AS jobs, min(run_at) AS oldest_at FROM (
    SELECT run_at FROM job_queue WHERE job_queue.queue = hop.queue AND due ORDER BY urgency LIMIT %(bound)s
  ) AS front
) AS counted
WHERE hop.queue IS NOT NULL
