-- The same jobs again, with a fresh allowance. `attempts` keeps growing: it is the fence. Several are locked already.
WITH again AS (
  UPDATE jobs SET
    status = 'pending',
    run_at = now(),
    expires_at = NULL,
    max_attempts = attempts + allowance,
    failed_at = NULL,
    cancelled_at = NULL,
    cancel_requested_at = NULL,
    cancelled_by = NULL,
    cancel_reason = NULL,
    progress_current = NULL,
    progress_total = NULL,
    progress_message = NULL,
    updated_at = now(),
    revision = revision + 1
  WHERE id = ANY(%(ids)s::uuid[]) AND status IN ('failed', 'cancelled')
  RETURNING id, organization_id, queue, type, priority, status, revision
), locked AS MATERIALIZED (
  -- In the order in which the advancer locks them, who settles them at the same time.
  SELECT job_id, parent_id FROM job_dependencies
  WHERE job_id IN (SELECT id FROM again)
  ORDER BY job_id, parent_id
  FOR UPDATE
), edge AS (
  -- All of them are told anew, so that the end of a parent that nobody has told yet counts once. What it depended on may
  -- be on its way again, and is then waited for again; a parent that failed it may do without now.
  UPDATE job_dependencies AS mine SET settled = coming.settled, decisive = false
  FROM (
    SELECT locked.*, CASE
      WHEN parent.id IS NULL THEN 'gone'
      WHEN parent.status NOT IN ('pending', 'active') AND parent.id NOT IN (SELECT id FROM again) THEN parent.status
      END AS settled
    FROM locked LEFT JOIN jobs AS parent ON parent.id = locked.parent_id
  ) AS coming
  WHERE mine.job_id = coming.job_id AND mine.parent_id = coming.parent_id
  RETURNING mine.job_id, mine.settled
), waits AS (
  SELECT job_id FROM edge WHERE settled IS NULL
), checked AS (
  INSERT INTO job_outbox (kind, organization_id, job_id, type, status)
  SELECT 'check', organization_id, id, type, status FROM again WHERE id IN (SELECT job_id FROM waits)
), queued AS (
  INSERT INTO job_queue (job_id, queue, urgency, organization_id, type, run_at, due, blockers)
  SELECT id, queue, -priority, organization_id, type, now(), blockers = 0, blockers
  FROM again CROSS JOIN LATERAL (SELECT count(*) AS blockers FROM waits WHERE job_id = again.id) AS waiting
)
SELECT id, organization_id, queue, status, revision FROM again
