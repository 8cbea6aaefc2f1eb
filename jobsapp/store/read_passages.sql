-- Chunks by their keys, in that order, with the names of job and file.
SELECT chunk.job_id, chunk.number, jobs.name AS job_name, chunk.document, files.id AS file_id, chunk.page_from,
  chunk.page_to, chunk.heading, chunk.char_from, chunk.char_to, chunk.text
FROM unnest(%(job_ids)s::uuid[], %(attempts)s::int[], %(numbers)s::int[])
  WITH ORDINALITY AS wanted (job_id, attempt, number, place)
JOIN document_chunks AS chunk USING (job_id, attempt, number)
JOIN jobs ON jobs.id = chunk.job_id
LEFT JOIN files ON files.id = chunk.file_id AND files.organization_id = chunk.organization_id
ORDER BY wanted.place
