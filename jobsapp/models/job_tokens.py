"""Tokens that open one job, for reading: in a page of another site, or behind a link that was shared."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from jobsapp.extensions import Base
from jobsapp.models.columns import CreatedAt, Id, Moment
from jobsapp.models.identity import User


class JobToken(Base):
    """Only its secret's SHA-256 is kept. Revoking deletes the row, and so does deleting the job or its maker."""

    __tablename__ = "job_tokens"
    __table_args__ = (
        CheckConstraint("kind IN ('embed', 'share')", name="kind"),
        Index("job_tokens_of_job", "job_id", "kind", "id"),
    )

    id: Mapped[Id]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    kind: Mapped[str]
    secret_hash: Mapped[bytes] = mapped_column(unique=True)
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    last_used_at: Mapped[Moment | None]

    maker: Mapped[User] = relationship(viewonly=True)
