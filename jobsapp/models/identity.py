"""Who is asking: organisations, users, what users are in them, their API tokens and one-time login links."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, DateTime, ForeignKey, ForeignKeyConstraint, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from jobsapp.core.rights import Scope
from jobsapp.extensions import Base
from jobsapp.models.columns import CreatedAt, Id, Moment


def of_membership() -> ForeignKeyConstraint:
    """For rows that end with the membership they were made in."""
    columns = ["user_id", "organization_id"]
    return ForeignKeyConstraint(columns, [f"memberships.{one}" for one in columns], ondelete="CASCADE")


class Organization(Base):
    """`runs_installation`: the queues and workers belong to it. One organisation does, the first."""

    __tablename__ = "organizations"
    __table_args__ = (
        Index("organizations_running", "runs_installation", unique=True, postgresql_where=text("runs_installation")),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    runs_installation: Mapped[bool] = mapped_column(server_default=text("false"), default=False)
    created_at: Mapped[CreatedAt]


class User(Base):
    """An account. What it may do, and where, its memberships say. `email`: in small letters.

    `home_id`: the organisation that made it, whose administrators have had its first login link. `deactivated_at`:
    since when nobody may sign in to it.
    """

    __tablename__ = "users"
    __table_args__ = (Index("users_by_address", text("lower(email)"), unique=True),)

    id: Mapped[Id]
    home_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), index=True)
    email: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[CreatedAt]
    deactivated_at: Mapped[Moment | None]


class Membership(Base):
    """A user in an organisation."""

    __tablename__ = "memberships"
    __table_args__ = (
        CheckConstraint("role IN ('viewer', 'member', 'operator', 'admin')", name="role"),
        Index("memberships_of_organization", "organization_id", "user_id"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    role: Mapped[str]
    created_at: Mapped[CreatedAt]

    user: Mapped[User] = relationship(viewonly=True)
    organization: Mapped[Organization] = relationship(viewonly=True)


class ApiToken(Base):
    """A token of the API. Only its SHA-256 is kept."""

    __tablename__ = "api_tokens"
    __table_args__ = (
        of_membership(),
        CheckConstraint(
            "cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'jobs', 'operate', 'admin']", name="scopes"
        ),
        Index("api_tokens_of_user", "user_id", text("id DESC")),
    )

    id: Mapped[Id]
    user_id: Mapped[UUID]
    organization_id: Mapped[UUID]
    name: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text), default=lambda: [Scope.JOBS])
    created_at: Mapped[CreatedAt]
    last_used_at: Mapped[Moment | None]
    last_used_address: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]
    revoked_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))

    user: Mapped[User] = relationship(viewonly=True, primaryjoin="User.id == foreign(ApiToken.user_id)")
    revoker: Mapped[User | None] = relationship(foreign_keys=revoked_by, viewonly=True)


class LoginLink(Base):
    """A link that signs in once. Only its SHA-256 is kept."""

    __tablename__ = "login_links"

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[Moment | None]

    user: Mapped[User] = relationship()
