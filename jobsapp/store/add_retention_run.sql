INSERT INTO retention_runs AS run (organization_id, day, scope, type, status, deleted, archives, last_at)
VALUES (
  %(organization_id)s, (now() AT TIME ZONE 'UTC')::date, %(scope)s, %(type)s, %(status)s, %(deleted)s, %(archives)s,
  now()
)
ON CONFLICT (organization_id, day, scope, type, status) DO UPDATE
  SET deleted = run.deleted + excluded.deleted, archives = run.archives + excluded.archives, last_at = excluded.last_at
