"""Archives as Parquet, for tools that read tables. Needs pyarrow, which is not installed everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import IO, Any

from pydantic_core import to_json

from jobsapp.core.archives import Record

GROUP_BYTES = 16 * 1024 * 1024
PLAIN = ("id", "organizationId", "userId", "type", "queue", "name", "description", "status")
TIMES = ("createdAt", "startedAt", "completedAt", "failedAt", "cancelledAt")
NUMBERS = ("priority", "attempts", "maxAttempts")
# What has no fixed shape is text with JSON in it.
AS_JSON = ("data", "result", "error", "pastAttempts", "artifacts")


def has_pyarrow() -> bool:
    return find_spec("pyarrow") is not None


def write_parquet(file: IO[bytes], records: Iterable[Record]) -> None:
    """A row for each job. Raises OSError where pyarrow is missing."""
    if not has_pyarrow():
        raise OSError("pyarrow is not installed here, so no Parquet can be written")
    # Without types: it makes its functions when it is imported, so a type checker sees none of them.
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    line = pa.struct([("attempt", pa.int32()), ("at", _time(pa)), ("level", pa.string()), ("message", pa.string())])
    schema = pa.schema(
        [
            *((name, pa.string()) for name in PLAIN),
            *((name, _time(pa)) for name in TIMES),
            *((name, pa.int64()) for name in NUMBERS),
            *((name, pa.string()) for name in AS_JSON),
            ("log", pa.list_(line)),
        ]
    )
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        rows: list[dict[str, Any]] = []
        size = 0
        for record in records:
            rows.append(row := _row(record))
            size += sum(len(row[name] or "") for name in AS_JSON) + sum(len(one["message"]) + 64 for one in row["log"])
            if size >= GROUP_BYTES:
                writer.write_table(pa.Table.from_pylist(rows, schema))
                rows, size = [], 0
        if rows:
            writer.write_table(pa.Table.from_pylist(rows, schema))


def _time(pa: Any) -> Any:
    return pa.timestamp("us", "UTC")


def _row(record: Record) -> dict[str, Any]:
    job = record.job
    texts = {name: None if job[name] is None else str(job[name]) for name in PLAIN}
    packed = {name: None if job[name] is None else to_json(job[name]).decode() for name in AS_JSON}
    return (
        texts | {name: job[name] for name in (*TIMES, *NUMBERS)} | packed | {"log": [vars(one) for one in record.log]}
    )
