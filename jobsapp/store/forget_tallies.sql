-- What is older than it is kept, and what came to nothing.
WITH minutes AS (
  DELETE FROM job_history WHERE grain = 'minute' AND at < now() - make_interval(hours => %(minute_hours)s)
), hours AS (
  DELETE FROM job_history WHERE grain = 'hour' AND at < now() - make_interval(days => %(hour_days)s)
), days AS (
  DELETE FROM job_history WHERE grain = 'day' AND at < now() - make_interval(days => %(day_days)s)
), failures AS (
  DELETE FROM job_failures WHERE hour < now() - make_interval(days => %(hour_days)s)
)
DELETE FROM job_counts WHERE jobs = 0
