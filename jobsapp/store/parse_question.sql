-- A question as conditions on words: any of them, all of them, and what must hold in any case. Empty text: no condition.
WITH musts (condition) AS (
  SELECT phraseto_tsquery('english', phrase)::text FROM unnest(%(phrases)s::text[]) AS phrase
  WHERE numnode(phraseto_tsquery('english', phrase)) > 0
  UNION ALL
  SELECT (!!phraseto_tsquery('english', phrase))::text FROM unnest(%(excluded)s::text[]) AS phrase
  WHERE numnode(phraseto_tsquery('english', phrase)) > 0
)
SELECT
  replace(plainto_tsquery('english', %(text)s)::text, ''' & ''', ''' | ''') AS any_word,
  plainto_tsquery('english', %(text)s)::text AS all_words,
  coalesce((SELECT string_agg('(' || condition || ')', ' & ') FROM musts), '') AS must
