"""Counters of jobs: what is, what ended when, how long it took, and what failed. Kept by triggers.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

FOLDED = {"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "5000"}
WRITTEN_AGAIN = {"fillfactor": "50"} | FOLDED

# Four places for each doubling, from a millisecond on. As core/histogram.py has it.
PLACE = """
CREATE FUNCTION job_duration_place(status text, began timestamptz, ended timestamptz) RETURNS smallint
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN status <> 'completed' THEN -1
    WHEN ended - began >= interval '1 millisecond'
      THEN least(127, 1 + floor(ln(date_part('epoch', ended - began) * 1000) * 4 / ln(2::float8)))
    ELSE 0
  END::smallint
$$
"""

# A row for each kind of job of which a statement left more, or fewer, than there were. No join tells which job became
# what: what was and what is are added up with their signs. (So who changes the owner or the time of a finished job by
# hand lets it end once more; nothing that the product does is both an end and the taking back of one.)
TALLY = """
  INSERT INTO job_tallies (
    organization_id, user_id, type, status, duration, jobs, minute, ended, error_type, last_job_id
  )
  SELECT organization_id, user_id, type, status, duration, sum(one), minute,
    CASE WHEN minute IS NULL THEN 0 ELSE greatest(sum(one), 0) END, error_type,
    (array_agg(id) FILTER (WHERE error_type IS NOT NULL AND one > 0))[1]
  FROM (
    SELECT organization_id, user_id, type, status, one, id,
      job_duration_place(status, started_at, completed_at) AS duration,
      date_bin('1 minute', coalesce(completed_at, failed_at, cancelled_at), '2000-01-01 00:00:00+00') AS minute,
      CASE status WHEN 'failed' THEN left(coalesce(error ->> 'type', ''), 200) END AS error_type
    FROM ({changed}) AS changed
  ) AS job
  GROUP BY organization_id, user_id, type, status, duration, minute, error_type
  HAVING sum(one) <> 0;
  RETURN NULL;
"""
NEW, OLD = "SELECT *, 1 AS one FROM new_jobs", "SELECT *, -1 AS one FROM old_jobs"
BODIES = {
    "updated": TALLY.format(changed=f"{NEW} UNION ALL {OLD}"),
    "inserted": TALLY.format(changed=NEW),
    "deleted": TALLY.format(changed=OLD),
}
FUNCTION = "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
TRIGGERS = (
    """CREATE TRIGGER tally_updated AFTER UPDATE ON jobs REFERENCING OLD TABLE AS old_jobs NEW TABLE AS new_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION tally_updated_jobs()""",
    """CREATE TRIGGER tally_inserted AFTER INSERT ON jobs REFERENCING NEW TABLE AS new_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION tally_inserted_jobs()""",
    """CREATE TRIGGER tally_deleted AFTER DELETE ON jobs REFERENCING OLD TABLE AS old_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION tally_deleted_jobs()""",
)

COUNT = """
INSERT INTO job_counts (organization_id, user_id, type, status, duration, jobs)
SELECT organization_id, owner, type, status, job_duration_place(status, started_at, completed_at), count(*)
FROM jobs CROSS JOIN LATERAL (VALUES ('00000000-0000-0000-0000-000000000000'::uuid), (user_id)) AS owners (owner)
WHERE owner IS NOT NULL
GROUP BY 1, 2, 3, 4, 5
"""
HISTORY = """
INSERT INTO job_history (organization_id, grain, at, type, status, duration, jobs)
SELECT organization_id, grain, date_trunc(grain, ended_at, 'UTC'), type, status,
  job_duration_place(status, started_at, completed_at), count(*)
FROM (SELECT *, coalesce(completed_at, failed_at, cancelled_at) AS ended_at FROM jobs) AS ended
JOIN (VALUES ('minute', interval '6 hours'), ('hour', interval '90 days'), ('day', interval '400 days'))
  AS kept (grain, age) ON ended_at > now() - age
GROUP BY 1, 2, 3, 4, 5, 6
"""
FAILURES = """
INSERT INTO job_failures (organization_id, hour, type, error_type, jobs, last_at, last_job_id)
SELECT organization_id, date_trunc('hour', failed_at, 'UTC'), type, left(coalesce(error ->> 'type', ''), 200),
  count(*), max(failed_at), (array_agg(id ORDER BY failed_at DESC))[1]
FROM jobs WHERE failed_at > now() - interval '90 days'
GROUP BY 1, 2, 3, 4
"""


def upgrade() -> None:
    _make_tallies()
    _make_sums()
    op.execute(PLACE)
    for name, body in BODIES.items():
        op.execute(FUNCTION.format(name=f"tally_{name}_jobs", body=body))
    # The triggers lock the table against all who write until the numbers of what is there are committed with them.
    for statement in (*TRIGGERS, COUNT, HISTORY, FAILURES):
        op.execute(statement)


def downgrade() -> None:
    for what in BODIES:
        op.execute(f"DROP TRIGGER tally_{what} ON jobs")
        op.execute(f"DROP FUNCTION tally_{what}_jobs()")
    for table in ("job_failures", "job_history", "job_counts", "job_tallies"):
        op.drop_table(table)
    op.execute("DROP FUNCTION job_duration_place(text, timestamptz, timestamptz)")


def _make_tallies() -> None:
    op.create_table(
        "job_tallies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("duration", sa.SmallInteger(), nullable=False),
        sa.Column("jobs", sa.Integer(), nullable=False),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended", sa.Integer(), nullable=False),
        sa.Column("error_type", sa.String(), nullable=True),
        sa.Column("last_job_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("job_tallies_pkey")),
        postgresql_with=FOLDED,
    )


def _make_sums() -> None:
    op.create_table(
        "job_counts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("duration", sa.SmallInteger(), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "user_id", "type", "status", "duration", name=op.f("job_counts_pkey")
        ),
        postgresql_with=FOLDED,
    )
    op.create_index("job_counts_of_nothing", "job_counts", ["organization_id"], postgresql_where=sa.text("jobs = 0"))
    op.create_table(
        "job_history",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("grain", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("duration", sa.SmallInteger(), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "grain", "at", "type", "status", "duration", name=op.f("job_history_pkey")
        ),
        postgresql_with=WRITTEN_AGAIN,
    )
    op.create_index("job_history_by_age", "job_history", ["grain", "at"])
    op.create_table(
        "job_failures",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("error_type", sa.String(), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_job_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "hour", "type", "error_type", name=op.f("job_failures_pkey")),
        postgresql_with=WRITTEN_AGAIN,
    )
    op.create_index("job_failures_by_age", "job_failures", ["hour"])
