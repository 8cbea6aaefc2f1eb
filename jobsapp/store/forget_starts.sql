DELETE FROM limit_starts WHERE at < now() - make_interval(secs => coalesce(
  (SELECT max(period_seconds) FROM limits WHERE limits.scope = limit_starts.scope), 0
))
