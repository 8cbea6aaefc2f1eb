-- No more jobs may be added. If all have ended, and all were added up, it ends with that.
UPDATE batches SET
  closed_at = coalesce(closed_at, now()),
  ended_at = CASE WHEN completed_jobs + failed_jobs + cancelled_jobs = total_jobs THEN coalesce(ended_at, now()) END,
  look_at = CASE WHEN completed_jobs + failed_jobs + cancelled_jobs = total_jobs THEN now() + interval '1 day' END
WHERE id = %(id)s AND organization_id = %(organization_id)s
RETURNING id, organization_id, user_id, total_jobs, completed_jobs, failed_jobs, cancelled_jobs,
  closed_at IS NOT NULL AS closed, ended_at IS NOT NULL AS ended, callbacks, callback_jobs
