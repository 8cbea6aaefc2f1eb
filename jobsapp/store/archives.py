"""Writing jobs to an archive, before they are deleted in the same transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row
from pydantic.alias_generators import to_camel

from jobsapp.core.archives import ArchiveName, LogLine, Record, Writer
from jobsapp.core.ids import new_id
from jobsapp.core.sealing import shown
from jobsapp.store.statements import statement

# Data and result may have a megabyte each.
JOBS_AT_ONCE = 20
LINES_AT_ONCE = 2000
# Of use to the next attempt only, or to nobody.
LEFT_OUT = ("checkpoint", "request_digest", "progress_base", "progress_base_at", "allowance")

Row = dict[str, Any]


def archive_jobs(
    connection: Connection[Any], writer: Writer, job_ids: Sequence[UUID], *, organization_id: UUID, kind: str
) -> None:
    """Write jobs of an organisation to an archive of the format `kind`, and register it.

    When this returns the file is on disk; the row of it comes with the caller's COMMIT. So the jobs are deleted in the
    same transaction: after a crash there may be a file too many, never a job too few. Raises OSError.
    """
    if not job_ids:
        return
    ids = sorted(job_ids)
    first = _rows(connection, "jobs_to_archive", ids=ids[:1])[0]
    month = f"{first['created_at'].astimezone(UTC):%Y-%m}"
    name = ArchiveName(organization_id, month, ids[0], ids[-1], kind)
    size, sha256 = writer.write(name, records(connection, ids))
    values = vars(name) | {"id": new_id(), "jobs": len(ids), "size": size, "sha256": sha256}
    connection.execute(statement("add_archive"), values)


def records(connection: Connection[Any], job_ids: Sequence[UUID]) -> Iterator[Record]:
    """The jobs as they go into an archive, some read at a time. Each log has to be read before the next job."""
    for start in range(0, len(job_ids), JOBS_AT_ONCE):
        ids = job_ids[start : start + JOBS_AT_ONCE]
        attempts = _by_job(_rows(connection, "attempts_to_archive", ids=ids))
        artifacts = _by_job(sorted(_rows(connection, "artifacts_to_archive", ids=ids), key=lambda row: row["job_id"]))
        for job in _rows(connection, "jobs_to_archive", ids=ids):
            told = _told(job, *LEFT_OUT)
            told["data"] = shown(told["data"])
            told["pastAttempts"] = [_told(row, "job_id") for row in attempts.get(job["id"], ())]
            told["artifacts"] = [_told(row, "job_id") for row in artifacts.get(job["id"], ())]
            yield Record(told, _log(connection, job["id"]))


def _log(connection: Connection[Any], job_id: UUID) -> Iterator[LogLine]:
    after = 0
    while rows := _rows(connection, "log_to_archive", job_id=job_id, after=after, limit=LINES_AT_ONCE):
        for row in rows:
            yield LogLine(row["attempt"], _utc(row["at"]), row["level"], row["message"])
        after = rows[-1]["id"]


def _by_job(rows: Sequence[Row]) -> dict[UUID, list[Row]]:
    return {job_id: list(found) for job_id, found in groupby(rows, key=lambda row: row["job_id"])}


def _told(row: Row, *left_out: str) -> Row:
    """A row as JSON has it; bytes are no text."""
    kept = {name: value for name, value in row.items() if name not in left_out and not isinstance(value, bytes)}
    return {to_camel(name): _utc(value) if isinstance(value, datetime) else value for name, value in kept.items()}


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _rows(connection: Connection[Any], name: str, **values: Any) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement(name), values).fetchall()
