-- The durations of some types, those of the rows that were written last. The time is no table's: it comes in any case.
SELECT clock_timestamp() AS now, type, ARRAY(
  SELECT one FROM type_durations CROSS JOIN unnest(seconds) AS one
  WHERE type_durations.type = wanted.type
  ORDER BY updated_at DESC
  LIMIT %(limit)s
) AS seconds
FROM unnest(%(types)s::text[]) AS wanted (type)
