-- Due jobs of an organisation that wait, by queue and since when, counted up to a bound. Hops along job_queue_for_claim, from queue to
-- queue and from priority to priority, so that the jobs of others are not read.
WITH RECURSIVE hop AS (
  (SELECT queue, urgency FROM job_queue WHERE due ORDER BY queue, urgency LIMIT 1)
  UNION ALL
  SELECT following.* FROM hop CROSS JOIN LATERAL (
    SELECT queue, urgency FROM job_queue
    WHERE due AND (queue, urgency) > (hop.queue, hop.urgency) ORDER BY queue, urgency LIMIT 1
  ) AS following
), counted AS (
  SELECT hop.queue, front.jobs, front.oldest_at FROM hop CROSS JOIN LATERAL (
    SELECT count(*) AS jobs, min(run_at) AS oldest_at FROM (
      SELECT run_at FROM job_queue
      WHERE job_queue.queue = hop.queue AND urgency = hop.urgency AND organization_id = %(organization_id)s AND due
        AND (
          %(user_id)s::uuid IS NULL
          OR EXISTS (SELECT FROM jobs WHERE jobs.id = job_queue.job_id AND jobs.user_id = %(user_id)s)
        )
      LIMIT %(bound)s
    ) AS due_jobs
  ) AS front
)
SELECT queue, least(sum(jobs), %(bound)s)::bigint AS jobs, min(oldest_at) AS oldest_at FROM counted
GROUP BY queue HAVING sum(jobs) > 0
ORDER BY queue
