-- Whether a run can be begun. Asked all the time, so that it is one step in the index of claims.
SELECT EXISTS (SELECT FROM job_queue WHERE queue = %(queue)s AND due)
