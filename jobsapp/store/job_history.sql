-- What ended in stretches of time from `since` on, up to `until` if given: of each type and state how many in each
-- stretch, and of those that completed how many at each place of the histogram, by stretch and by type. Few rows with
-- many numbers: a row for each number would be nearly one for each job.
WITH summed AS MATERIALIZED (
  SELECT stretch, type, status, duration, sum(jobs)::bigint AS jobs
  FROM (
    SELECT floor((date_part('epoch', at) - date_part('epoch', %(since)s)) / %(step)s)::int AS stretch, type, status,
      duration, jobs
    FROM (
      SELECT at, type, status, duration, jobs FROM job_history
      WHERE organization_id = %(organization_id)s AND grain = %(grain)s AND at >= %(since)s
        AND at < coalesce(%(until)s::timestamptz, 'infinity')
      UNION ALL
      SELECT minute, type, status, duration, ended FROM job_tallies
      WHERE organization_id = %(organization_id)s AND ended > 0 AND minute >= %(since)s
        AND minute < coalesce(%(until)s::timestamptz, 'infinity')
    ) AS every
    WHERE %(type)s::text IS NULL OR type = %(type)s
  ) AS ended
  GROUP BY GROUPING SETS ((stretch, type, status), (stretch, duration), (type, duration))
  HAVING duration IS NULL OR duration >= 0
)
SELECT NULL::int AS stretch, type, status, json_object_agg(stretch, jobs) AS jobs
FROM summed WHERE status IS NOT NULL GROUP BY type, status
UNION ALL
SELECT stretch, NULL, NULL, json_object_agg(duration, jobs)
FROM summed WHERE status IS NULL AND type IS NULL GROUP BY stretch
UNION ALL
SELECT NULL, type, NULL, json_object_agg(duration, jobs)
FROM summed WHERE status IS NULL AND stretch IS NULL GROUP BY type
