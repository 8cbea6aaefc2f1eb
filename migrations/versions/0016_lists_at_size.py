"""Lists of millions of jobs: the failed and the cancelled ones, and an index of what names and descriptions say.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import SQLAlchemyError

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# An update of a job that stays what it is deletes its row and makes it again.
FORGET = """
  IF EXISTS (SELECT FROM old_jobs WHERE status IN ('failed', 'cancelled')) THEN
    DELETE FROM unsuccessful_jobs AS mine USING old_jobs AS was
    WHERE was.status IN ('failed', 'cancelled') AND mine.organization_id = was.organization_id
      AND mine.status = was.status AND mine.job_id = was.id;
  END IF;
"""
REMEMBER = """
  INSERT INTO unsuccessful_jobs (organization_id, status, job_id, type, queue, user_id)
  SELECT organization_id, status, id, type, queue, user_id FROM new_jobs WHERE status IN ('failed', 'cancelled')
  ON CONFLICT DO NOTHING;
"""
BODIES = {
    "updated": ("UPDATE", "OLD TABLE AS old_jobs NEW TABLE AS new_jobs", FORGET + REMEMBER),
    "inserted": ("INSERT", "NEW TABLE AS new_jobs", REMEMBER),
    "deleted": ("DELETE", "OLD TABLE AS old_jobs", FORGET),
}
FUNCTION = "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$"
TRIGGER = """CREATE OR REPLACE TRIGGER {name} AFTER {event} ON jobs REFERENCING {tables}
FOR EACH STATEMENT EXECUTE FUNCTION {function}()"""
# Shared locks: who retries or deletes one of them meanwhile comes before or after, never between.
BACKFILL = """
WITH seen AS MATERIALIZED (
  SELECT id FROM jobs WHERE id > :after ORDER BY id LIMIT :size
), kept AS MATERIALIZED (
  SELECT organization_id, status, id, type, queue, user_id FROM jobs
  WHERE id IN (SELECT id FROM seen) AND status IN ('failed', 'cancelled') ORDER BY id FOR SHARE
), made AS (
  INSERT INTO unsuccessful_jobs (organization_id, status, job_id, type, queue, user_id)
  SELECT * FROM kept ON CONFLICT DO NOTHING
)
SELECT id FROM seen ORDER BY id DESC LIMIT 1
"""
BATCH = 20_000
NO_ID = "00000000-0000-0000-0000-000000000000"

EXTENSIONS = ("pg_trgm", "btree_gin")
# As store/find_texts.sql asks: an organisation in a stretch of 12 days, by the time in the id, and the words.
SCOPE = (
    "(organization_id::text || substr(id::text, 1, 4) || "
    "translate(substr(id::text, 5, 1), '0123456789abcdef', '000044448888cccc'))"
)
WORDS = "lower(name || E'\\n' || description)"
INDEX = f"""CREATE INDEX CONCURRENTLY jobs_by_text ON jobs USING gin ({SCOPE}, {WORDS} gin_trgm_ops)
WITH (gin_pending_list_limit = 256)"""


def upgrade() -> None:
    # What is not in one transaction may be interrupted, and is begun again.
    op.create_table(
        "unsuccessful_jobs",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "status", "job_id", name=op.f("unsuccessful_jobs_pkey")),
        if_not_exists=True,
    )
    for what, (event, tables, body) in BODIES.items():
        function, trigger = f"list_{what}_jobs", f"list_{what}"
        op.execute(FUNCTION.format(name=function, body=body))
        op.execute(TRIGGER.format(name=trigger, event=event, tables=tables, function=function))
    # Outside of a transaction, in which a lock on the jobs would last until all of it is done.
    with op.get_context().autocommit_block():
        _list_those_there()
        if all(_has(name) for name in EXTENSIONS):
            _make_index()


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS jobs_by_text")
    for what in BODIES:
        op.execute(f"DROP TRIGGER list_{what} ON jobs")
        op.execute(f"DROP FUNCTION list_{what}_jobs()")
    op.drop_table("unsuccessful_jobs")


def _list_those_there() -> None:
    after = NO_ID
    while after is not None:
        after = op.get_bind().scalar(sa.text(BACKFILL), {"after": after, "size": BATCH})


def _has(name: str) -> bool:
    """Whether the extension is there, or could be made. Without them lists look for texts along the newest jobs."""
    connection = op.get_bind()
    if not connection.scalar(sa.text("SELECT 1 FROM pg_available_extensions WHERE name = :name"), {"name": name}):
        return False
    try:
        connection.execute(sa.text(f"CREATE EXTENSION IF NOT EXISTS {name}"))
    except SQLAlchemyError:
        return False
    return True


def _make_index() -> None:
    """May take an hour, and locks nobody out: so neither it nor its waiting for old transactions has a limit.

    What an interrupted run left is not valid and has to go first.
    """
    limits = ("statement_timeout", "lock_timeout")
    before = [op.get_bind().scalar(sa.text(f"SHOW {name}")) for name in limits]
    for name in limits:
        op.execute(f"SET {name} = 0")
    op.execute("DROP INDEX CONCURRENTLY IF EXISTS jobs_by_text")
    op.execute(INDEX)
    for name, value in zip(limits, before, strict=True):
        op.execute(f"SET {name} = '{value}'")
