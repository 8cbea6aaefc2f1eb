"""Bringing the database up to date."""

from __future__ import annotations

from jobsapp.config import Settings
from jobsapp.store import schema


def upgrade(settings: Settings) -> bool:
    """Migrate to the newest schema, one process at a time. Returns whether there was anything to do."""
    return schema.upgrade(settings.sqlalchemy_url)
