-- The newest first, of each type as many as there is room for.
INSERT INTO type_durations AS kept (type, slot, seconds, updated_at)
SELECT type, %(slot)s, (array_agg(seconds ORDER BY place DESC))[1:%(room)s], now()
FROM unnest(%(types)s::text[], %(seconds)s::real[]) WITH ORDINALITY AS one (type, seconds, place)
GROUP BY type
ORDER BY type
ON CONFLICT (type, slot) DO UPDATE SET
  seconds = (excluded.seconds || kept.seconds)[1:%(room)s],
  updated_at = excluded.updated_at
