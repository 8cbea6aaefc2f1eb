-- What the attempts before have kept of a job.
WITH vectors AS (
  DELETE FROM chunk_vectors WHERE job_id = %(job_id)s
)
DELETE FROM document_chunks WHERE job_id = %(job_id)s
RETURNING job_id AS id
