"""Reads a table into text or typed Arrow columns, after an estimate of what that takes."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any

import msgspec

from jobsapp.processors.sdk import Context, InputFile, Permanent

from .arrow import pa, pa_csv, pq
from .model import TrainingInput

BATCH = 20_000
SAMPLE = 1 << 20
LONGEST_LINE = 64 << 20
DELIMITERS = (b",", b";", b"\t", b"|")
# Measured peaks: so many bytes for each byte of the file, and for each cell, as text and then as copies of a number.
WEIGHT = {"csv": 3.0, "tsv": 3.0, "jsonl": 4.5, "json": 14.0, "parquet": 3.0}
CELL = 56


def read(data: TrainingInput, source: InputFile, context: Context) -> Any:
    """The table of the input file. Raises `Permanent` naming the line or row that cannot be read."""
    kind = _kind(source)
    check_memory(source, kind, data.memory_mb)
    context.progress(0, 1, f"Reading {source.name}…")
    if kind == "parquet":
        table = pa.Table.from_batches(*_parquet(source.path, context))
    elif kind in ("csv", "tsv"):
        table = _csv(data, source.path, "\t" if kind == "tsv" else None, context)
    else:
        table = _json(source.path, kind, context)
    if table.num_rows == 0:
        raise Permanent(f"{source.name} has no rows.")
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise Permanent(f"{source.name}: the column {twice[0]!r} is there more than once. Rename one of them.")
    return table


def check_memory(source: InputFile, kind: str, limit_mb: int) -> None:
    """Raises `Permanent` if reading the table would take more than `limit_mb` megabytes, estimated from its size and
    the cells in its first megabyte, or from what a Parquet file says of itself.
    """
    size, cells = source.size, 0.0
    if kind == "parquet":
        meta = _opened(source.path).metadata
        cells = meta.num_rows * meta.num_columns
        size = sum(meta.row_group(n).total_byte_size for n in range(meta.num_row_groups))
    else:
        with source.path.open("rb") as file:
            sample = file.read(SAMPLE)
        marks = sample.count(b'":') if "json" in kind else sample.count(b"\n") + max(map(sample.count, DELIMITERS))
        cells = marks * size / len(sample)
    refuse_over(size * WEIGHT[kind] + cells * CELL, limit_mb, source.name, "Leave out columns or rows, or allow more.")


def refuse_over(need: float, limit_mb: int, what: str, hint: str) -> None:
    """Raises `Permanent` if `need` (bytes) is more than the limit. `hint`: what helps."""
    if need > limit_mb * 1_000_000:
        raise Permanent(
            f"{what} would need about {need / 1e6:,.0f} MB of memory, more than memoryMb ({limit_mb:,}). {hint}"
        )


def _kind(source: InputFile) -> str:
    with source.path.open("rb") as file:
        head = file.read(4096)
    if not head.strip():
        raise Permanent(f"{source.name} is empty.")
    if head.startswith(b"PAR1"):
        return "parquet"
    suffix = PurePath(source.name).suffix.lower()
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if suffix in (".json", ".jsonl", ".ndjson") or (suffix not in (".csv", ".tsv", ".tab") and start in (b"[", b"{")):
        if start not in (b"[", b"{"):
            raise Permanent(f"{source.name} is neither a JSON array nor JSON Lines: it begins with {head[:1]!r}.")
        return "json" if start == b"[" else "jsonl"
    if suffix in (".parquet", ".pq"):
        raise Permanent(f"{source.name} is not a Parquet file.")
    return "tsv" if suffix in (".tsv", ".tab") else "csv"


def _csv(data: TrainingInput, path: Path, delimiter: str | None, context: Context) -> Any:
    delimiter = data.delimiter or delimiter or _delimiter(path, data.encoding)
    options = {
        "read_options": pa_csv.ReadOptions(use_threads=False, encoding=data.encoding),
        "parse_options": pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
    }
    try:
        with pa_csv.open_csv(path, **options) as reader:
            names = reader.schema.names
        text = pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
        batches = []
        with pa_csv.open_csv(path, convert_options=text, **options) as reader:
            rows = 0
            for batch in reader:
                rows += batch.num_rows
                batches.append(batch)
                context.progress(0, 1, f"Reading… {rows:,} rows")
                context.check_cancelled()
            return pa.Table.from_batches(batches, reader.schema)
    except (pa.ArrowInvalid, UnicodeError, pa.ArrowKeyError) as error:
        raise Permanent(_csv_fault(str(error))) from None


def _csv_fault(message: str) -> str:
    message = " ".join(message.split())
    if found := re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", message):
        return f"Row {found[1]} has {found[3]} values, the header has {found[2]}. Check its delimiters and quotes."
    if "UTF8" in message or "codec" in message:
        return f"The file is not in the chosen encoding ({message}). Choose the one it was written in."
    return f"The file cannot be read as CSV: {message}"


def _delimiter(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, errors="replace") as file:
        line = file.readline(SAMPLE)
    bare = re.sub('"[^"]*"', "", line)
    return max(",;\t|", key=bare.count)


def _opened(path: Path) -> Any:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise Permanent(f"The file cannot be read as Parquet: {str(error).splitlines()[0]}") from None


def _parquet(path: Path, context: Context) -> tuple[list[Any], Any]:
    file, batches, rows = _opened(path), [], 0
    try:
        for batch in file.iter_batches(BATCH):
            rows += batch.num_rows
            batches.append(batch)
            context.progress(0, 1, f"Reading… {rows:,} rows")
            context.check_cancelled()
    except (pa.ArrowInvalid, OSError) as error:
        raise Permanent(f"The file is damaged after row {rows:,}: {str(error).splitlines()[0]}") from None
    return batches, file.schema_arrow


def _json(path: Path, kind: str, context: Context) -> Any:
    """Every value as text: what a column is, is decided for all formats in one place."""
    parts: list[Any] = []
    chunk: list[dict[str, Any]] = []
    for row in _records(path) if kind == "jsonl" else _array(path):
        chunk.append(row)
        if len(chunk) == BATCH:
            parts.append(_texts(chunk))
            chunk = []
            context.progress(0, 1, f"Reading… {len(parts) * BATCH:,} rows")
            context.check_cancelled()
    if chunk:
        parts.append(_texts(chunk))
    return pa.concat_tables(parts, promote_options="default") if parts else pa.table({})


def _texts(rows: Sequence[dict[str, Any]]) -> Any:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: pa.array([_text(row.get(name)) for row in rows], pa.string()) for name in names})


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), start=1):
            if line.strip():
                yield _record(line.removeprefix(b"\xef\xbb\xbf"), f"Line {number:,}")


def _record(line: bytes, place: str) -> dict[str, Any]:
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Permanent(f"{place} is not JSON: {error}.") from None
    if not isinstance(row, dict):
        raise Permanent(f"{place} is not an object with a value for each column.")
    return row


def _array(path: Path) -> Iterator[dict[str, Any]]:
    try:
        rows = msgspec.json.decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Permanent(f"The file is not JSON: {error}.") from None
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise Permanent(f"Row {number:,} is not an object with a value for each column.")
        yield row


def write_csv(path: Path, header: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
    """A small CSV file, UTF-8."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
