-- Active jobs of an organisation that began before a time. From the leases, which are few.
SELECT jobs.id AS job_id, jobs.started_at AS run_at, jobs.started_at AS since
FROM (SELECT DISTINCT unnest(job_ids) FROM worker_leases) AS held (job_id) JOIN jobs ON jobs.id = held.job_id
WHERE jobs.status = 'active' AND jobs.organization_id = %(organization_id)s AND jobs.started_at <= %(until)s
ORDER BY jobs.started_at, jobs.id LIMIT %(limit)s
