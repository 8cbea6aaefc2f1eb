"""Presets: forms of new jobs that somebody filled in and kept."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import Mapped, mapped_column

from jobsapp.extensions import Base
from jobsapp.models.columns import CreatedAt, Id


class JobPreset(Base):
    """Data for a job of a type, of one person; `shared`: for everybody in the organisation.

    It may be incomplete, and name files that are gone.
    """

    __tablename__ = "job_presets"
    __table_args__ = (Index("job_presets_of_type", "organization_id", "type", "user_id", "name", unique=True),)

    id: Mapped[Id]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    type: Mapped[str]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    data: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True))
    shared: Mapped[bool]
    created_at: Mapped[CreatedAt]
