"""Workflows begin and stop at once: PostgreSQL calls the advancer when one can be begun, and leaves word of a cancel.

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

CALL = """
CREATE OR REPLACE FUNCTION call_for_workflows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('jobsapp_outbox', 'workflows to begin');
  RETURN NULL;
END $$
"""
CALLS = """CREATE OR REPLACE TRIGGER call_for_workflows AFTER INSERT OR UPDATE OF due ON job_queue FOR EACH ROW
WHEN (NEW.due AND NEW.type = 'workflow-execution') EXECUTE FUNCTION call_for_workflows()"""
TELL = """
CREATE OR REPLACE FUNCTION tell_stopped_workflow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO job_outbox (kind, organization_id, job_id, user_id, type, status)
  VALUES ('stop', NEW.organization_id, NEW.id, NEW.user_id, NEW.type, NEW.status);
  PERFORM pg_notify('jobsapp_outbox', '');
  RETURN NULL;
END $$
"""
# Only statements that write this column ask: no turn of a worker, and no sign of life.
TELLS = """CREATE OR REPLACE TRIGGER tell_stopped_workflow AFTER UPDATE OF cancel_requested_at ON jobs FOR EACH ROW
WHEN (NEW.status = 'active' AND NEW.worker = 'workflows' AND NEW.cancel_requested_at IS NOT NULL)
EXECUTE FUNCTION tell_stopped_workflow()"""


def upgrade() -> None:
    for statement in (CALL, CALLS, TELL, TELLS):
        op.execute(statement)


# Nobody would begin these any more. As if their worker were lost: a keeper starts them again, or lets them fail.
GIVE_UP = (
    """INSERT INTO worker_leases (worker, lease_until, job_ids)
SELECT 'workflows not begun', now(), array_agg(job_id) FROM job_outbox WHERE kind = 'begin' HAVING count(*) > 0
ON CONFLICT (worker) DO UPDATE SET lease_until = excluded.lease_until, job_ids = excluded.job_ids""",
    """UPDATE jobs SET worker = 'workflows not begun' WHERE status = 'active' AND worker = 'workflows'
AND id IN (SELECT job_id FROM job_outbox WHERE kind = 'begin')""",
    "DELETE FROM job_outbox WHERE kind IN ('begin', 'stop')",
)


def downgrade() -> None:
    for statement in GIVE_UP:
        op.execute(statement)
    op.execute("DROP TRIGGER tell_stopped_workflow ON jobs")
    op.execute("DROP FUNCTION tell_stopped_workflow()")
    op.execute("DROP TRIGGER call_for_workflows ON job_queue")
    op.execute("DROP FUNCTION call_for_workflows()")
