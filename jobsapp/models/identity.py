"""Who is asking: organisations, users, their API tokens and one-time login links."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, DateTime, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from jobsapp.core.rights import Scope
from jobsapp.extensions import Base
from jobsapp.models.columns import CreatedAt, Id, Moment


class Organization(Base):
    __tablename__ = "organizations"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[CreatedAt]


class User(Base):
    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role IN ('admin', 'member')", name="role"),)

    id: Mapped[Id]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), index=True)
    email: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    created_at: Mapped[CreatedAt]

    organization: Mapped[Organization] = relationship()


class ApiToken(Base):
    """A token of the API. Only its SHA-256 is kept."""

    __tablename__ = "api_tokens"
    __table_args__ = (
        CheckConstraint(
            "cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'jobs', 'operate', 'admin']", name="scopes"
        ),
        Index("api_tokens_of_user", "user_id", text("id DESC")),
    )

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text), default=lambda: [Scope.JOBS])
    created_at: Mapped[CreatedAt]
    last_used_at: Mapped[Moment | None]
    last_used_address: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]
    revoked_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))

    user: Mapped[User] = relationship(foreign_keys=user_id)
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
