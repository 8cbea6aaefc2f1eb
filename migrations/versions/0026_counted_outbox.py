"""What ended of a batch is one row of the outbox for each statement, with how many, and no longer one for each job.

Revision ID: 0026
Revises: 0025
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

RULED = """EXISTS (SELECT FROM notification_rules AS rule
      WHERE rule.organization_id = {job}.organization_id AND rule.enabled AND {job}.status = ANY(rule.events)
        AND (rule.user_id IS NULL OR rule.user_id = {job}.user_id OR rule.schedule_id IS NOT NULL))"""
BEGINNING = """
CREATE OR REPLACE FUNCTION tell_updated_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE ruled boolean;
BEGIN
  SELECT EXISTS (SELECT FROM notification_rules WHERE enabled) AND EXISTS (
    SELECT FROM (
      SELECT DISTINCT organization_id, user_id, status FROM new_jobs
      WHERE status IN ('completed', 'failed', 'cancelled')
    ) AS ending
    WHERE RULED(ending)
  ) INTO ruled;
  IF ruled OR EXISTS (SELECT FROM new_jobs WHERE followed OR batch_id IS NOT NULL) THEN
"""
END = """
    IF FOUND THEN
      PERFORM pg_notify('jobsapp_outbox', PAYLOAD);
    END IF;
  END IF;
  RETURN NULL;
END $$
"""
# What a job was before and what it is now are brought together by grouping. A join would compare each with each: the
# connections of workers allow no other plan. No statement changes what is grouped by together with the status.
# A keeper of the version before, which may lead for a while yet, would count one job where there are many: it passes
# over what is not before 'infinity'.
COUNTED = """
    INSERT INTO job_outbox (
      kind, organization_id, job_id, user_id, type, batch_id, weight, jobs, was, status, not_before
    )
    WITH moved AS MATERIALIZED (
      SELECT id, organization_id, user_id, type, batch_id, weight, bool_or(followed) AS followed,
        max(was) AS was, max(status) AS status,
        max(was) IN ('completed', 'failed', 'cancelled') AS had_ended,
        max(status) IN ('completed', 'failed', 'cancelled') AS has_ended
      FROM (
        SELECT id, organization_id, user_id, type, batch_id, weight, followed, NULL AS was, status FROM new_jobs
        UNION ALL
        SELECT id, organization_id, user_id, type, batch_id, weight, followed, status, NULL FROM old_jobs
      ) AS job
      WHERE followed OR batch_id IS NOT NULL OR ruled
      GROUP BY id, organization_id, user_id, type, batch_id, weight
      HAVING max(was) <> max(status) AND (
        max(was) IN ('completed', 'failed', 'cancelled') OR max(status) IN ('completed', 'failed', 'cancelled')
      )
    )
    SELECT 'counted', organization_id, (array_agg(id))[1], NULL, min(type), batch_id, sum(coalesce(weight, 1)),
      count(*), left_state, new_state, 'infinity'::timestamptz
    FROM (
      SELECT *, CASE WHEN had_ended THEN was END AS left_state,
        CASE WHEN has_ended THEN status ELSE 'pending' END AS new_state
      FROM moved WHERE batch_id IS NOT NULL
    ) AS job
    GROUP BY organization_id, batch_id, left_state, new_state
    UNION ALL
    SELECT CASE WHEN has_ended THEN 'ended' ELSE 'reopened' END, organization_id, id, user_id, type, NULL, NULL, 1,
      was, status, now()
    FROM moved AS job
    WHERE followed OR (ruled AND has_ended AND RULED(job));
"""
# Numbers can wait a moment for more of them; jobs that wait cannot.
PAYLOAD = "CASE WHEN ruled OR EXISTS (SELECT FROM new_jobs WHERE followed) THEN '' ELSE 'counted' END"
ONE_EACH = """
    INSERT INTO job_outbox (kind, organization_id, job_id, user_id, type, batch_id, weight, was, status)
    SELECT CASE WHEN job.status IN ('completed', 'failed', 'cancelled') THEN 'ended' ELSE 'reopened' END,
      job.organization_id, job.id, job.user_id, job.type, job.batch_id, job.weight, before.status, job.status
    FROM new_jobs AS job JOIN old_jobs AS before ON before.id = job.id
    WHERE job.status <> before.status AND CASE
      WHEN job.followed OR job.batch_id IS NOT NULL THEN
        job.status IN ('completed', 'failed', 'cancelled') OR before.status IN ('completed', 'failed', 'cancelled')
      ELSE ruled AND job.status IN ('completed', 'failed', 'cancelled') AND RULED(job)
    END;
"""
# One row for each job again, of those that are not added up yet.
SPREAD = """
INSERT INTO job_outbox (kind, organization_id, job_id, type, batch_id, weight, was, status)
SELECT CASE WHEN status = 'pending' THEN 'reopened' ELSE 'ended' END, organization_id, job_id, type, batch_id,
  weight / jobs, was, status
FROM job_outbox CROSS JOIN generate_series(1, jobs) WHERE kind = 'counted'
"""


def upgrade() -> None:
    op.add_column("job_outbox", sa.Column("jobs", sa.Integer(), server_default="1", nullable=False))
    op.execute(_ruled(BEGINNING + COUNTED + END.replace("PAYLOAD", PAYLOAD)))


def downgrade() -> None:
    op.execute(_ruled(BEGINNING + ONE_EACH + END.replace("PAYLOAD", "''")))
    op.execute(SPREAD)
    op.execute("DELETE FROM job_outbox WHERE kind = 'counted'")
    op.drop_column("job_outbox", "jobs")


def _ruled(text: str) -> str:
    for job in ("ending", "job"):
        text = text.replace(f"RULED({job})", RULED.replace("{job}", job))
    return text
