-- What these jobs wait for goes with them: in the order in which the advancer and a retry lock it.
SELECT job_id AS id FROM job_dependencies WHERE job_id = ANY(%(job_ids)s::uuid[]) ORDER BY job_id, parent_id FOR UPDATE
