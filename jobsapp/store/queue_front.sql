-- The due jobs of a queue that come first, roughly: by priority.
SELECT jobs.id, jobs.organization_id, jobs.revision
FROM (
  SELECT job_id FROM job_queue WHERE queue = %(queue)s AND due ORDER BY urgency, organization_id LIMIT %(limit)s
) AS first_ones JOIN jobs ON jobs.id = first_ones.job_id
