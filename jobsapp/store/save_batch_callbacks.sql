UPDATE batches SET callback_jobs = %(callback_jobs)s WHERE id = %(id)s
