"""What the administrator has opened: asked by the web too, so no driver is imported here."""

from __future__ import annotations

from jobsapp.config import Settings


def table_name(settings: Settings, wanted: str) -> tuple[str, str]:
    """Schema and name of an opened table. Raises `ValueError` naming those that are opened."""
    if not settings.bulk_database_url:
        raise ValueError(
            "table: no database is opened for bulk operations. The administrator sets JOBSAPP_BULK_DATABASE_URL."
        )
    opened = [_split(name) for name in settings.bulk_tables.split(",") if name.strip()]
    name = _split(wanted)
    if name not in opened:
        known = ", ".join(".".join(one) for one in opened) or "none"
        raise ValueError(f"table: {wanted!r} is not opened for bulk operations. Opened: {known} (JOBSAPP_BULK_TABLES).")
    return name


def folder_path(settings: Settings, field: str, label: str) -> str:
    """Where an opened folder is. Raises `ValueError` naming those that are opened."""
    opened = settings.bulk_folder_paths
    if label not in opened:
        known = ", ".join(sorted(opened)) or "none"
        raise ValueError(f"{field}: {label!r} is not an opened folder. Opened: {known} (JOBSAPP_BULK_FOLDERS).")
    return opened[label]


def _split(name: str) -> tuple[str, str]:
    schema, _, table = name.strip().rpartition(".")
    return schema or "public", table
