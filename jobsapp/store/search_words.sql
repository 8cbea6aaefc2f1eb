-- Chunks with words of the question: those with all of them first, then by how many there are and how close.
-- Of a job only what the attempt made that completed it.
SELECT chunk.job_id, chunk.attempt, chunk.number, NULL::float8 AS likeness
FROM document_chunks AS chunk
JOIN jobs ON jobs.id = chunk.job_id AND jobs.status = 'completed' AND jobs.attempts = chunk.attempt
WHERE chunk.organization_id = %(organization_id)s
  AND (%(job_id)s::uuid IS NULL OR chunk.job_id = %(job_id)s)
  AND chunk.words @@ %(any_word)s::tsquery
  AND (%(must)s::text = '' OR chunk.words @@ %(must)s::tsquery)
ORDER BY chunk.words @@ %(all_words)s::tsquery DESC, ts_rank(chunk.words, %(any_word)s::tsquery, 1) DESC,
  chunk.job_id, chunk.number
LIMIT %(limit)s
