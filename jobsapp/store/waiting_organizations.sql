WITH RECURSIVE lane (urgency, organization_id) AS (
  (
    SELECT urgency, organization_id FROM job_queue WHERE queue = %(queue)s AND due
    ORDER BY urgency, organization_id LIMIT 1
  )
  UNION ALL
  SELECT urgency, (
    SELECT other.organization_id FROM job_queue AS other
    WHERE other.queue = %(queue)s AND other.due AND other.urgency = lane.urgency
      AND other.organization_id > lane.organization_id
    ORDER BY other.organization_id LIMIT 1
  ) FROM lane WHERE organization_id IS NOT NULL
)
SELECT organization_id FROM lane WHERE organization_id IS NOT NULL LIMIT %(limit)s
