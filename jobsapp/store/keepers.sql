-- Keepers that are connected to this database. To a role that may not see others their names are NULL; the lock it sees.
SELECT pg_locks.pid IS NOT NULL AS leads, application_name AS name
FROM pg_stat_activity LEFT JOIN pg_locks ON pg_locks.pid = pg_stat_activity.pid
  AND locktype = 'advisory' AND classid = 0 AND objid = %(key)s AND objsubid = 1 AND granted
  AND pg_locks.database = pg_stat_activity.datid
WHERE datname = current_database() AND (pg_locks.pid IS NOT NULL OR application_name LIKE %(named)s)
ORDER BY leads DESC, backend_start
