-- Chunks whose vectors, by one model, are nearest to the question's; all are one long, so the inner product is the
-- cosine. Without an index on purpose: all vectors of an organisation are looked at, and none is missed.
SELECT chunk.job_id, chunk.attempt, chunk.number, -(chunk.embedding <#> %(vector)s::vector) AS likeness
FROM chunk_vectors AS chunk
JOIN jobs ON jobs.id = chunk.job_id AND jobs.status = 'completed' AND jobs.attempts = chunk.attempt
WHERE chunk.organization_id = %(organization_id)s AND chunk.model = %(model)s
  AND (%(job_id)s::uuid IS NULL OR chunk.job_id = %(job_id)s)
  AND (%(must)s::text = '' OR EXISTS (
    SELECT FROM document_chunks AS said
    WHERE (said.job_id, said.attempt, said.number) = (chunk.job_id, chunk.attempt, chunk.number)
      AND said.words @@ %(must)s::tsquery
  ))
ORDER BY chunk.embedding <#> %(vector)s::vector
LIMIT %(limit)s
