-- The models of an organisation's vectors, by one look into the index for each.
WITH RECURSIVE found (model) AS (
  SELECT min(model) FROM chunk_vectors WHERE organization_id = %(organization_id)s
  UNION ALL
  SELECT (SELECT min(model) FROM chunk_vectors WHERE organization_id = %(organization_id)s AND model > found.model)
  FROM found WHERE found.model IS NOT NULL
)
SELECT model FROM found WHERE model IS NOT NULL
