"""Jobs that failed or were cancelled, for lists: few among many, and no index of the jobs may know the state."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from jobsapp.core.states import Status
from jobsapp.extensions import Base

UNSUCCESSFUL = frozenset({Status.FAILED, Status.CANCELLED})


class UnsuccessfulJob(Base):
    """There is a row for each failed and each cancelled job and for no other. Triggers of `jobs` keep them."""

    __tablename__ = "unsuccessful_jobs"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    type: Mapped[str]
    queue: Mapped[str]
    user_id: Mapped[UUID | None]
