"""JSON rows to CSV: one pass where the first rows have all the keys, else a second one.

What the CSV cannot tell apart is said in the log; `json_mixed` has the rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from jobsapp.processors.sdk import Permanent

from .json_cells import writer
from .json_in import Batch, Reader
from .json_keys import Columns, Keys
from .json_mixed import Mixed
from .kept import State
from .progress import Stage
from .rejects import Rejects
from .table import clean_names, pick
from .work import BadRow, Rejected, Work


@dataclass(frozen=True)
class Form:
    """How to write the CSV. `tokens`: note the first characters of each column's tokens. `follows`: more is to do."""

    delimiter: str = ","
    null_text: str = ""
    header: bool = True
    ignore_case: bool = False
    tokens: bool = False
    follows: bool = False


@dataclass
class Written:
    """`path`: the CSV. `tokens`: by column, the first characters of its tokens; they tell numbers from strings."""

    path: Path
    names: list[str]
    rows: int = 0
    rejected: Rejected | None = None
    tokens: list[set[bytes]] = field(default_factory=list)


def write_csv(work: Work, source: Path, form: Form) -> Written:
    """Write the rows of `source`. Raises `Permanent` for what is not a table."""
    found = work.kept.found
    keys = Keys(found["keys"] if found else ())
    if not found or not found["last"]:
        written = _Pass(work, form, keys, work.stage, found).run(source)
        if written is not None:
            return written
        work.context.log("Later rows have keys that the first have not, so the file is read twice.")
        found = None
    written = _Pass(work, form, keys, work.stage.rest(), found, last=True).run(source)
    if written is None:
        raise Permanent("The file changed while it was read.")
    return written


class _Pass:
    """`found`: the state that a pass of the last attempt saved; this one goes on from there."""

    def __init__(
        self, work: Work, form: Form, keys: Keys, stage: Stage, found: State | None, *, last: bool = False
    ) -> None:
        self._work, self._form, self._keys, self._last = work, form, keys, last
        self._found = found
        self._stage = stage if found is None else stage.between(*found["stage"])
        rejected = work.kept.part("rejected", go_on=found is not None)
        self._rejects = Rejects(work.data, rejected, found and found["rejects"])
        self._cells = writer(form.delimiter, form.null_text)
        self._chosen: list[int] = []
        self._mixed = Mixed([])
        self._written: Written | None = None
        # Where the search for keys began, once there were late ones.
        self._late: int | None = found["late"] if found else None
        self._seen = found["seen"] if found else 0

    def run(self, source: Path) -> Written | None:
        """None if keys turned up after the header was written; `keys` then knows them all."""
        target = self._work.kept.part("rows", go_on=self._found is not None)
        reader = Reader(source, self._work.format, self._rejects.add)
        if self._found and self._found["begun"]:
            self._go_on(target, self._found)
        with target.open("ab") as file:
            if not (self._found and self._found["whole"]):
                self._read(reader, max(source.stat().st_size, 1), file)
            if self._late is not None:
                return None
            if self._written is None:
                raise Permanent("There are no rows, and so no columns. Without rows it can only become JSON.")
            if self._form.follows and self._work.kept.worthwhile:
                self._save(reader, file, whole=True)
        self._written.rejected = self._rejects.finish()
        self._warn(source)
        return self._written

    def _read(self, reader: Reader, size: int, file: BinaryIO) -> None:
        for batch in reader.batches(self._found["position"] if self._found else None):
            columns, batch = self._keys.columns(batch, reader)
            late = self._late
            self._take(columns, batch, file)
            if self._late != late:
                # What is left of this pass only looks for keys; a whole second pass follows.
                self._stage = self._stage.rest().split(1, 2)[0]
            self._seen += len(batch.values)
            verb = "Converting" if self._late is None else "Looking for keys"
            start = self._late or 0
            self._stage.at((batch.done - start) / (size - start + 1), f"{verb}… row {self._seen:,}")
            if reader.position and self._work.kept.due:
                self._save(reader, file)

    def _save(self, reader: Reader, file: BinaryIO, *, whole: bool = False) -> None:
        file.flush()
        written, rejects = self._written, self._rejects.state()
        files = {"rejected": (self._rejects.path, self._rejects.path.stat().st_size)}
        if written is not None and self._late is None:
            files["rows"] = written.path, file.tell()
        state: State = {
            "last": self._last,
            "whole": whole,
            "begun": "rows" in files,
            "keys": self._keys.names,
            "position": reader.position,
            "stage": [self._stage.start, self._stage.end],
            "late": self._late,
            "seen": self._seen,
            "rejects": rejects,
        }
        if written is not None and self._late is None:
            state["rows"] = written.rows
            state["tokens"] = [sorted(token.decode() for token in tokens) for tokens in written.tokens]
            state["mixed"] = self._mixed.state()
        self._work.kept.save(self._stage.meter.done, files, state)

    def _take(self, columns: Columns, batch: Batch, file: BinaryIO) -> None:
        if self._written is None and self._keys.names and self._late is None:
            self._begin(batch, file)
        elif self._keys.fresh and self._late is None:
            self._late = batch.done
        if self._written is not None and batch.values and self._late is None:
            self._write(columns, batch.places, file, self._written)

    def _begin(self, batch: Batch, file: BinaryIO) -> None:
        data, names = self._work.data, self._keys.names
        if not self._last and not {*(data.columns or []), *data.rename} <= set(names):
            self._late = batch.done
            return
        self._written = self._choose(Path(file.name))
        self._mixed = Mixed([names[n] for n in self._chosen])
        if self._form.header:
            tokens = [msgspec.Raw(msgspec.json.encode(name)) for name in self._written.names]
            file.write(self._form.delimiter.encode().join(self._cells([t]).texts[0] for t in tokens) + b"\n")

    def _go_on(self, target: Path, found: State) -> None:
        """What `_begin` and the rows since then had come to."""
        self._written = self._choose(target)
        self._written.rows = found["rows"]
        self._written.tokens = [{token.encode() for token in tokens} for tokens in found["tokens"]]
        self._mixed = Mixed([self._keys.names[n] for n in self._chosen], found["mixed"])

    def _choose(self, target: Path) -> Written:
        data, names = self._work.data, self._keys.names
        pairs = pick(names, data)
        renamed = clean_names([new for _, new in pairs], data.on_bad_header, ignore_case=self._form.ignore_case)
        self._chosen = [names.index(old) for old, _ in pairs]
        return Written(target, renamed, tokens=[set() for _ in renamed])

    def _write(self, columns: Columns, places: Sequence[int], file: BinaryIO, written: Written) -> None:
        chosen = [columns[n] for n in self._chosen]
        if self._form.tokens:
            for seen, column in zip(written.tokens, chosen, strict=True):
                seen.update({bytes(token)[:1] for token in column})
        cells = list(map(self._cells, chosen))
        self._mixed.add(chosen, cells, places)
        lines = map(self._form.delimiter.encode().join, zip(*(made.texts for made in cells), strict=True))
        file.write(b"\n".join(lines) + b"\n")
        written.rows += len(places)

    def _warn(self, source: Path) -> None:
        reader = Reader(source, self._work.format, _known)
        self._mixed.close()
        if self._mixed.wants(0):
            self._read_again(reader)
        for line in self._mixed.warnings(reader.unit.lower(), self._work.data.target_format):
            self._work.context.log(line, "warning")

    def _read_again(self, reader: Reader) -> None:
        for batch in reader.batches():
            columns, batch = self._keys.columns(batch, reader)
            if not batch.values:
                continue
            if not self._mixed.wants(batch.places[0]):
                break
            self._mixed.recall([columns[n] for n in self._chosen], batch.places)
            self._stage.at(1.0, f"Comparing texts with other values… row {batch.places[-1]:,}")


def _known(_: BadRow) -> None:
    """A file read again brings the rows that were rejected before."""
