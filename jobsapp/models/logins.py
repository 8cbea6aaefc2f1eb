"""Who is signed in, in which browser."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, func
from sqlalchemy.orm import Mapped, mapped_column

from jobsapp.extensions import Base
from jobsapp.models.columns import CreatedAt, Id
from jobsapp.models.identity import of_membership


class LoginSession(Base):
    """A browser that is signed in, in one of the user's organisations. Signing out deletes the row.

    Only its secret's SHA-256 is kept.
    """

    __tablename__ = "login_sessions"
    __table_args__ = (of_membership(),)

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(index=True)
    organization_id: Mapped[UUID]
    secret_hash: Mapped[bytes]
    user_agent: Mapped[str]
    created_at: Mapped[CreatedAt]
    last_used_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
