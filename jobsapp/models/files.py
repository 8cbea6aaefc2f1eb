"""Stored files: what users upload and what jobs make."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from jobsapp.extensions import Base
from jobsapp.models.columns import CreatedAt, Id


class StoredFile(Base):
    """An upload, or, with `job_id`, an artifact of that job. Both can be the input of another job.

    The bytes are in storage under the id. `size` in bytes; `sha256` in hexadecimal.
    """

    __tablename__ = "files"
    __table_args__ = (
        CheckConstraint("size >= 0", name="size"),
        Index("files_of_job", "job_id", postgresql_where=text("job_id IS NOT NULL")),
        Index("files_of_organization", "organization_id", "id"),
    )

    id: Mapped[Id]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int | None]
    name: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str]
    sha256: Mapped[str]
    created_at: Mapped[CreatedAt]
