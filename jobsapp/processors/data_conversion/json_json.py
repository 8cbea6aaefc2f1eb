"""JSON array and JSON Lines into each other: the rows keep their bytes."""

# ruff: noqa: S608 - names and texts go through `duck.name` and `duck.literal`; the sandbox does the rest.

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import msgspec

from .duck import literal
from .json_in import Batch, Reader
from .json_keys import Keys
from .kept import State
from .rejects import Rejects
from .table import Column, pick
from .targets import raw_lines
from .work import Outcome, Work

_row = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def write_json(work: Work, source: Path) -> Outcome:
    """Raises `Permanent` for what is not JSON, and for columns that no row has."""
    plain = work.data.compression == "none"
    first, second = work.stage.split(3, 0 if plain else 1)
    rows = _Rows(work.within(first), follows=not plain)
    outcome = rows.write(source)
    if plain:
        rows.path.replace(work.target)
        return outcome
    lines = f"(SELECT line FROM {_lines_of(rows.path)})"
    work.duck.run(raw_lines(lines, work.target, work.data.compression), second, "Compressing…")
    return outcome


class _Rows:
    """The rows, written to `path`. `follows`: that is not the end."""

    def __init__(self, work: Work, *, follows: bool) -> None:
        self._work, self._follows = work, follows
        found = self._found = work.kept.found
        self._array = work.data.target_format == "json"
        self._keys = Keys(found["keys"] if found else ())
        self._rows = found["rows"] if found else 0
        rejected = work.kept.part("rejected", go_on=True)
        self._rejects = Rejects(work.data, rejected, found and found["rejects"])
        self.path = work.kept.part("rows", go_on=True)

    def write(self, source: Path) -> Outcome:
        array, work = self._array, self._work
        reader = Reader(source, work.format, self._rejects.add)
        if not (self._found and self._found["whole"]):
            with self.path.open("ab") as file:
                self._copy(reader, max(source.stat().st_size, 1), file)
                file.write((b"\n]\n" if self._rows else b"[]\n") if array else (b"\n" if self._rows else b""))
                if self._follows and work.kept.worthwhile:
                    self._save(reader, file, whole=True)
        names = [new for _, new in pick(self._keys.names, work.data)] if self._rows or self._keys.names else []
        return Outcome(self._rows, [Column(name, "", label="json") for name in names], self._rejects.finish())

    def _copy(self, reader: Reader, size: int, file: BinaryIO) -> None:
        between = b",\n" if self._array else b"\n"
        for batch in reader.batches(self._found["position"] if self._found else None):
            if values := _chosen(self._work, batch, self._keys, reader):
                file.write((between if self._rows else b"[\n" if self._array else b"") + between.join(values))
            self._rows += len(values)
            self._work.stage.at(batch.done / size, f"Converting… row {self._rows:,}")
            if reader.position and self._work.kept.due:
                self._save(reader, file)

    def _save(self, reader: Reader, file: BinaryIO, *, whole: bool = False) -> None:
        file.flush()
        state: State = {
            "whole": whole,
            "keys": self._keys.names,
            "position": reader.position,
            "rows": self._rows,
            "rejects": self._rejects.state(),
        }
        rejected = self._rejects.path
        files = {"rows": (self.path, file.tell()), "rejected": (rejected, rejected.stat().st_size)}
        self._work.kept.save(self._work.stage.meter.done, files, state)


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
