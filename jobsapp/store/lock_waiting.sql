-- The rows by which these jobs wait, taken before the jobs themselves, as a claim does it. What a worker is just
-- claiming is left to it: nobody waits here.
SELECT job_id AS id FROM job_queue WHERE job_id = ANY(%(ids)s::uuid[])
ORDER BY job_id
FOR UPDATE SKIP LOCKED
