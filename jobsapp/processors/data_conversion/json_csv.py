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
from .progress import Stage
from .rejects import Rejects
from .table import clean_names, pick
from .work import BadRow, Rejected, Work


@dataclass(frozen=True)
class Form:
    """How to write the CSV. `tokens`: note the first characters of each column's tokens."""

    delimiter: str = ","
    null_text: str = ""
    header: bool = True
    ignore_case: bool = False
    tokens: bool = False


@dataclass
class Written:
    """`tokens`: by column, the first characters of its tokens; they tell numbers from strings."""

    names: list[str]
    rows: int = 0
    rejected: Rejected | None = None
    tokens: list[set[bytes]] = field(default_factory=list)


def write_csv(work: Work, source: Path, target: Path, form: Form) -> Written:
    """Write the rows of `source` to `target`. Raises `Permanent` for what is not a table."""
    keys = Keys()
    written = _Pass(work, form, keys, work.stage).run(source, target)
    if written is None:
        work.context.log("Later rows have keys that the first have not, so the file is read twice.")
        written = _Pass(work, form, keys, work.stage.rest(), last=True).run(source, target)
    if written is None:
        raise Permanent("The file changed while it was read.")
    return written


class _Pass:
    def __init__(self, work: Work, form: Form, keys: Keys, stage: Stage, *, last: bool = False) -> None:
        self._work, self._form, self._keys, self._stage, self._last = work, form, keys, stage, last
        self._rejects = Rejects(work.data, work.scratch("rejected.jsonl"))
        self._cells = writer(form.delimiter, form.null_text)
        self._chosen: list[int] = []
        self._mixed = Mixed([])
        self._written: Written | None = None
        self._late = False

    def run(self, source: Path, target: Path) -> Written | None:
        """None if keys turned up after the header was written; `keys` then knows them all."""
        reader = Reader(source, self._work.format, self._rejects.add)
        size, seen, stage, start = max(source.stat().st_size, 1), 0, self._stage, 0
        with target.open("wb") as file:
            for batch in reader.batches():
                columns, batch = self._keys.columns(batch, reader)
                late = self._late
                self._take(columns, batch, file)
                if self._late and not late:
                    # What is left of this pass only looks for keys; a whole second pass follows.
                    start, stage = batch.done, stage.rest().split(1, 2)[0]
                seen += len(batch.values)
                verb = "Looking for keys" if self._late else "Converting"
                stage.at((batch.done - start) / (size - start + 1), f"{verb}… row {seen:,}")
        if self._late:
            return None
        if self._written is None:
            raise Permanent("There are no rows, and so no columns. Without rows it can only become JSON.")
        self._written.rejected = self._rejects.finish()
        self._warn(source)
        return self._written

    def _take(self, columns: Columns, batch: Batch, file: BinaryIO) -> None:
        if self._written is None and self._keys.names and not self._late:
            self._begin(file)
        elif self._keys.fresh:
            self._late = True
        if self._written is not None and batch.values and not self._late:
            self._write(columns, batch.places, file, self._written)

    def _begin(self, file: BinaryIO) -> None:
        data, names = self._work.data, self._keys.names
        if not self._last and not {*(data.columns or []), *data.rename} <= set(names):
            self._late = True
            return
        pairs = pick(names, data)
        renamed = clean_names([new for _, new in pairs], data.on_bad_header, ignore_case=self._form.ignore_case)
        self._chosen = [names.index(old) for old, _ in pairs]
        self._mixed = Mixed([old for old, _ in pairs])
        self._written = Written(renamed, tokens=[set() for _ in renamed])
        if self._form.header:
            tokens = [msgspec.Raw(msgspec.json.encode(name)) for name in renamed]
            file.write(self._form.delimiter.encode().join(self._cells([t]).texts[0] for t in tokens) + b"\n")

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
