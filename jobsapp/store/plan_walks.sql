-- A walk for each rule that ends something, and of each organisation that has not said otherwise for what the
-- installation says (`days`, 0: nothing). A walk whose rule is gone, or keeps for another time, begins anew.
WITH wanted AS (
  SELECT organization_id, scope, type, status, days FROM retention_rules WHERE days IS NOT NULL
  UNION ALL
  SELECT organizations.id, scopes.scope, '', '', %(days)s
  FROM organizations CROSS JOIN (VALUES ('jobs'), ('uploads')) AS scopes (scope)
  WHERE %(days)s > 0 AND NOT EXISTS (
    SELECT FROM retention_rules AS own
    WHERE own.organization_id = organizations.id AND own.scope = scopes.scope AND own.type = '' AND own.status = ''
  )
), ended AS (
  DELETE FROM retention_walks AS walk WHERE NOT EXISTS (
    SELECT FROM wanted
    WHERE (wanted.organization_id, wanted.scope, wanted.type, wanted.status)
      = (walk.organization_id, walk.scope, walk.type, walk.status)
  )
), old AS (
  DELETE FROM retention_runs WHERE day < (now() AT TIME ZONE 'UTC')::date - %(run_days)s
)
INSERT INTO retention_walks AS walk (organization_id, scope, type, status, days)
SELECT organization_id, scope, type, status, days FROM wanted WHERE true
ON CONFLICT (organization_id, scope, type, status) DO UPDATE
  SET days = excluded.days, position = NULL, round_at = now(), due_at = now()
  WHERE walk.days <> excluded.days
