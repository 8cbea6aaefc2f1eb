-- A job that came back to the queue while its cancel waited for it. A claim that has it sees that it is cancelled.
DELETE FROM job_queue WHERE job_id IN (
  SELECT job_id FROM job_queue WHERE job_id = %(id)s FOR UPDATE SKIP LOCKED
)
