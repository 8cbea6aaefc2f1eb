-- A question as conditions on words: its word forms, any of them, and what must hold in any case. Empty text: nothing.
WITH musts (condition) AS (
  SELECT phraseto_tsquery('english', phrase)::text FROM unnest(%(phrases)s::text[]) AS phrase
  WHERE numnode(phraseto_tsquery('english', phrase)) > 0
  UNION ALL
  SELECT (!!phraseto_tsquery('english', phrase))::text FROM unnest(%(excluded)s::text[]) AS phrase
  WHERE numnode(phraseto_tsquery('english', phrase)) > 0
)
SELECT
  tsvector_to_array(to_tsvector('english', %(text)s)) AS lexemes,
  replace(plainto_tsquery('english', %(text)s)::text, ''' & ''', ''' | ''') AS any_word,
  coalesce((SELECT string_agg('(' || condition || ')', ' & ') FROM musts), '') AS must
