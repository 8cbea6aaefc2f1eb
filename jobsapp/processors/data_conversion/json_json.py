"""JSON array and JSON Lines into each other: the rows keep their bytes."""

# ruff: noqa: S608 - names and texts go through `duck.name` and `duck.literal`; the sandbox does the rest.

from __future__ import annotations

from pathlib import Path

import msgspec

from .duck import literal
from .json_in import Batch, Reader
from .json_keys import Keys
from .rejects import Rejects
from .table import Column, pick
from .targets import raw_lines
from .work import Outcome, Work

_row = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def write_json(work: Work, source: Path) -> Outcome:
    """Raises `Permanent` for what is not JSON, and for columns that no row has."""
    if work.data.compression == "none":
        return _write(work, source, work.target)
    first, second = work.stage.split(3, 1)
    plain = work.scratch("rows.json")
    outcome = _write(work.within(first), source, plain)
    lines = f"(SELECT line FROM {_lines_of(plain)})"
    work.duck.run(raw_lines(lines, work.target, work.data.compression), second, "Compressing…")
    return outcome


def _write(work: Work, source: Path, target: Path) -> Outcome:
    rejects = Rejects(work.data, work.scratch("rejected.jsonl"))
    array, keys, rows = work.data.target_format == "json", Keys(), 0
    reader = Reader(source, work.format, rejects.add)
    size = max(source.stat().st_size, 1)
    between = b",\n" if array else b"\n"
    with target.open("wb") as file:
        for batch in reader.batches():
            values = _chosen(work, batch, keys, reader)
            if values:
                file.write((between if rows else b"[\n" if array else b"") + between.join(values))
            rows += len(values)
            work.stage.at(batch.done / size, f"Converting… row {rows:,}")
        file.write((b"\n]\n" if rows else b"[]\n") if array else (b"\n" if rows else b""))
    names = [new for _, new in pick(keys.names, work.data)] if rows or keys.names else []
    return Outcome(rows, [Column(name, "", label="json") for name in names], rejects.finish())


def _chosen(work: Work, batch: Batch, keys: Keys, reader: Reader) -> list[bytes]:
    """The values as they are, or with the chosen keys only."""
    wanted, rename = work.data.columns, work.data.rename
    if not wanted and not rename:
        batch = reader.checked(batch)
        keys.note(batch.values)
        return batch.values
    _, batch = keys.columns(batch, reader)
    rows = [_row(value) for value in batch.values]
    return [_encode({rename.get(key, key): row[key] for key in (wanted or row) if key in row}) for row in rows]


def _lines_of(path: Path) -> str:
    return (
        f"read_csv({literal(str(path))}, columns={{line: 'VARCHAR'}}, auto_detect=false, header=false, "
        "delim=chr(1), quote='', escape='', strict_mode=false, compression='none', max_line_size=67108864, "
        "buffer_size=67108864, parallel=false, new_line='\\n')"
    )
