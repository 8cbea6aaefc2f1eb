-- Those of the words that the question means, in whatever form: `ships` for `ship`.
SELECT word FROM unnest(%(words)s::text[]) AS word WHERE to_tsvector('english', word) @@ %(any_word)s::tsquery
