"""Memberships: a user belongs to one or several organisations, with a role in each.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

HELD = ("api_tokens", "login_sessions")
"""What ends with the membership that it was made in."""


def upgrade() -> None:
    op.add_column(
        "organizations", sa.Column("runs_installation", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.execute("UPDATE organizations SET runs_installation = true WHERE name = 'default'")
    op.create_index(
        "organizations_running",
        "organizations",
        ["runs_installation"],
        unique=True,
        postgresql_where=sa.text("runs_installation"),
    )
    op.add_column("users", sa.Column("deactivated_at", sa.DateTime(timezone=True), nullable=True))
    _create_memberships()
    op.execute(
        "INSERT INTO memberships (user_id, organization_id, role, created_at) "
        "SELECT id, organization_id, role, created_at FROM users"
    )
    for table in HELD:
        _bind(table)
    op.drop_constraint(op.f("users_role"), "users", type_="check")
    op.drop_column("users", "role")
    op.execute("ALTER TABLE users RENAME COLUMN organization_id TO home_id")
    op.execute("ALTER TABLE users RENAME CONSTRAINT users_organization_id_fkey TO users_home_id_fkey")
    op.execute("ALTER INDEX users_organization_id RENAME TO users_home_id")


def _create_memberships() -> None:
    op.create_table(
        "memberships",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("role IN ('viewer', 'member', 'operator', 'admin')", name=op.f("memberships_role")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("memberships_user_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("memberships_organization_id_fkey")
        ),
        sa.PrimaryKeyConstraint("user_id", "organization_id", name=op.f("memberships_pkey")),
    )
    op.create_index("memberships_of_organization", "memberships", ["organization_id", "user_id"])


def _bind(table: str) -> None:
    """Let the rows belong to the membership of their user, which so far was the only one."""
    op.add_column(table, sa.Column("organization_id", sa.Uuid(), nullable=True))
    op.execute(
        f"UPDATE {table} SET organization_id = users.organization_id FROM users WHERE users.id = user_id"  # noqa: S608
    )
    op.alter_column(table, "organization_id", nullable=False)
    op.drop_constraint(op.f(f"{table}_user_id_fkey"), table, type_="foreignkey")
    op.create_foreign_key(
        op.f(f"{table}_user_id_organization_id_fkey"),
        table,
        "memberships",
        ["user_id", "organization_id"],
        ["user_id", "organization_id"],
        ondelete="CASCADE",
    )


def downgrade() -> None:
    op.execute("ALTER INDEX users_home_id RENAME TO users_organization_id")
    op.execute("ALTER TABLE users RENAME CONSTRAINT users_home_id_fkey TO users_organization_id_fkey")
    op.execute("ALTER TABLE users RENAME COLUMN home_id TO organization_id")
    op.add_column("users", sa.Column("role", sa.String(), nullable=True))
    # Back to one organisation each: that of the account if it is still one of its members, else the oldest.
    op.execute(
        """UPDATE users SET organization_id = kept.organization_id, role = kept.role FROM (
             SELECT DISTINCT ON (user_id) user_id, memberships.organization_id,
               CASE memberships.role WHEN 'admin' THEN 'admin' ELSE 'member' END AS role
             FROM memberships JOIN users ON users.id = user_id
             ORDER BY user_id, memberships.organization_id = users.organization_id DESC, memberships.created_at
           ) AS kept WHERE kept.user_id = users.id"""
    )
    op.execute("UPDATE users SET role = 'member' WHERE role IS NULL")
    op.alter_column("users", "role", nullable=False)
    op.create_check_constraint("role", "users", "role IN ('admin', 'member')")
    for table in HELD:
        op.drop_constraint(op.f(f"{table}_user_id_organization_id_fkey"), table, type_="foreignkey")
        op.drop_column(table, "organization_id")
        op.create_foreign_key(op.f(f"{table}_user_id_fkey"), table, "users", ["user_id"], ["id"], ondelete="CASCADE")
    op.drop_table("memberships")
    op.drop_column("users", "deactivated_at")
    op.drop_index("organizations_running", table_name="organizations")
    op.drop_column("organizations", "runs_installation")
