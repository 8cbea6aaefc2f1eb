-- How the server is. Connections are those of all its databases: they share the maximum.
SELECT
  current_setting('server_version') AS version,
  (SELECT sum(numbackends)::int FROM pg_stat_database) AS connections,
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS most_connections,
  pg_database_size(current_database()) AS size_bytes
