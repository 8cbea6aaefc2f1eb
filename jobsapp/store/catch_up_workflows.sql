-- Runs that were asked to stop, or have a time of their own, and that are not to be looked at when they should.
WITH late AS MATERIALIZED (
  SELECT run.job_id, least(
      run.wake_at, job.started_at + make_interval(secs => job.timeout_seconds),
      CASE WHEN job.cancel_requested_at IS NOT NULL THEN now() END
    ) AS wake_at
  FROM workflow_runs AS run JOIN jobs AS job ON job.id = run.job_id
  WHERE run.running AND run.stopping IS NULL AND (
    job.started_at + make_interval(secs => job.timeout_seconds) < coalesce(run.wake_at, 'infinity')
    OR job.cancel_requested_at IS NOT NULL AND coalesce(run.wake_at, 'infinity') > now()
  )
  LIMIT %(limit)s
  FOR UPDATE OF run SKIP LOCKED
)
UPDATE workflow_runs SET wake_at = late.wake_at FROM late WHERE workflow_runs.job_id = late.job_id
