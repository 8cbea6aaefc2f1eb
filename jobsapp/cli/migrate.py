"""Bringing the database up to date."""

from __future__ import annotations

from jobsapp.config import Settings
from jobsapp.store import schema
from jobsapp.wiring import sqlalchemy_url


def upgrade(settings: Settings) -> bool:
    """Migrate to the newest schema, one process at a time. Returns whether there was anything to do."""
    return schema.upgrade(sqlalchemy_url(settings.database_url))
