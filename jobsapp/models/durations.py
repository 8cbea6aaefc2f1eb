"""How long jobs of each type took lately."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ARRAY, REAL, DateTime, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from jobsapp.extensions import Base


class TypeDurations(Base):
    """The last durations of completed jobs of a type, the newest first. Several workers may share a slot."""

    __tablename__ = "type_durations"
    __table_args__ = ({"postgresql_with": {"fillfactor": "50"}},)

    type: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    seconds: Mapped[list[float]] = mapped_column(ARRAY(REAL))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
