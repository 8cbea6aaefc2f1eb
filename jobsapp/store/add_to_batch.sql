-- Last in the transaction that creates the jobs, so that the advancer waits for no more than its commit.
UPDATE batches SET total_jobs = total_jobs + %(jobs)s, total_weight = total_weight + %(weight)s
WHERE id = %(id)s AND organization_id = %(organization_id)s
  AND closed_at IS NULL AND total_jobs + %(jobs)s <= %(most)s
RETURNING id
