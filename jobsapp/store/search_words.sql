-- Chunks with words of the question, the best first: rare words count for more (BM25's idf, among what has any of the
-- words), each the more often it stands there for its length, up to a bound. Of a job only what the attempt made that
-- completed it.
WITH asked AS (
  SELECT lexeme, quote_literal(lexeme)::tsquery AS condition FROM unnest(%(lexemes)s::text[]) AS lexeme
), hit AS MATERIALIZED (
  SELECT chunk.job_id, chunk.attempt, chunk.number, chunk.words
  FROM document_chunks AS chunk
  JOIN jobs ON jobs.id = chunk.job_id AND jobs.status = 'completed' AND jobs.attempts = chunk.attempt
  WHERE chunk.organization_id = %(organization_id)s
    AND (%(job_id)s::uuid IS NULL OR chunk.job_id = %(job_id)s)
    AND chunk.words @@ %(any_word)s::tsquery
    AND (%(must)s::text = '' OR chunk.words @@ %(must)s::tsquery)
), said AS MATERIALIZED (
  SELECT hit.job_id, hit.attempt, hit.number, asked.lexeme, ts_rank(hit.words, asked.condition, 1) AS rank
  FROM hit JOIN asked ON hit.words @@ asked.condition
), weight AS (
  SELECT lexeme, ln(1 + (all_hits.n - count(*) + 0.5) / (count(*) + 0.5)) AS rarity
  FROM said, (SELECT count(*) AS n FROM hit) AS all_hits GROUP BY lexeme, all_hits.n
)
SELECT said.job_id, said.attempt, said.number, NULL::float8 AS likeness
FROM said JOIN weight USING (lexeme)
GROUP BY said.job_id, said.attempt, said.number
ORDER BY sum(weight.rarity * said.rank / (said.rank + 0.02)) DESC, said.job_id, said.number
LIMIT %(limit)s
