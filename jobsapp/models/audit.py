"""Who did what, when and from where."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from jobsapp.extensions import Base
from jobsapp.models.columns import CreatedAt, Id


class AuditEvent(Base):
    """Rows stay as they are: a trigger refuses UPDATE and TRUNCATE, and DELETE but by retention.

    So nothing is referred to by a foreign key: what an entry tells of may be gone.
    """

    __tablename__ = "audit_events"
    __table_args__ = (Index("audit_events_of_organization", "organization_id", text("id DESC")),)

    id: Mapped[Id]
    at: Mapped[CreatedAt]
    organization_id: Mapped[UUID]
    user_id: Mapped[UUID | None]
    actor: Mapped[str] = mapped_column(Text)
    """An e-mail address, `command line`, `jobsapp` or `nobody`."""
    token_id: Mapped[UUID | None]
    address: Mapped[str | None] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    subject_type: Mapped[str | None] = mapped_column(Text)
    subject_id: Mapped[str | None] = mapped_column(Text)
    subject_name: Mapped[str | None] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
