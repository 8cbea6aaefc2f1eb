SELECT job_id, schedule_id FROM schedule_runs WHERE job_id = ANY(%(job_ids)s)
