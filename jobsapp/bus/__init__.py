"""Hints over Redis: "queue X has work", "job 42 changed". The only package that imports redis or rq.

All of Redis may vanish at any moment and nothing is lost: PostgreSQL holds every job, and the keeper wakes
what was forgotten. So nothing here raises when Redis is away; it is logged and the work goes on.
"""
