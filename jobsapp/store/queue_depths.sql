SELECT queue, count(*) AS jobs FROM job_queue
WHERE due AND organization_id = %(organization_id)s AND (
  %(user_id)s::uuid IS NULL
  OR EXISTS (SELECT FROM jobs WHERE jobs.id = job_queue.job_id AND jobs.user_id = %(user_id)s)
)
GROUP BY queue
ORDER BY queue
