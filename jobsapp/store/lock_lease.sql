-- Waits for the last statement of a work-horse that is dead, which its server may still be busy with.
SELECT FROM worker_leases WHERE worker = %(worker)s FOR UPDATE
