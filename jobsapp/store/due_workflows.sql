-- Runs that have to be looked at now though no job of theirs ended: their time has come, or somebody said something.
SELECT job_id FROM workflow_runs WHERE running AND wake_at <= now() ORDER BY wake_at LIMIT %(limit)s
