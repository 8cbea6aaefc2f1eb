INSERT INTO job_outbox (kind, organization_id, job_id, type, status)
SELECT 'more', organization_id, job_id, type, status
FROM unnest(%(organizations)s::uuid[], %(jobs)s::uuid[], %(types)s::text[], %(statuses)s::text[])
  AS given (organization_id, job_id, type, status)
