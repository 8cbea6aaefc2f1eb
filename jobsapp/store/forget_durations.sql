-- What types took that have not completed a job for long.
DELETE FROM type_durations WHERE updated_at < now() - make_interval(days => %(days)s)
