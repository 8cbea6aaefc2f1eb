"""E-mail addresses in small letters, each once: Ann@example.org and ann@example.org are one person.

Where two accounts already differ by that alone, only whoever runs the installation knows whose they are: they stay,
the index is left out, and the log says so. `flask users list` shows them.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import logging

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

FOLD = """UPDATE users SET email = lower(email) WHERE email <> lower(email)
AND NOT EXISTS (SELECT FROM users AS other WHERE other.id <> users.id AND lower(other.email) = lower(users.email))"""
COLLIDING = "SELECT lower(email) FROM users GROUP BY lower(email) HAVING count(*) > 1 ORDER BY 1"

log = logging.getLogger(__name__)


def upgrade() -> None:
    op.execute(FOLD)
    if colliding := op.get_bind().scalars(sa.text(COLLIDING)).all():
        log.warning(
            "%d addresses have several accounts, which differ by capital letters alone: they stay, and nothing but "
            "jobsapp itself keeps others from being made. Look at `flask users list`.",
            len(colliding),
        )
        return
    op.create_index("users_by_address", "users", [sa.text("lower(email)")], unique=True, if_not_exists=True)


def downgrade() -> None:
    op.drop_index("users_by_address", "users", if_exists=True)
