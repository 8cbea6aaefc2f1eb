"""JSON rows to CSV: one pass where the first rows have all the keys, else a second one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from jobsapp.processors.sdk import Permanent

from .json_cells import writer
from .json_in import Batch, Reader
from .json_keys import Columns, Keys
from .progress import Stage
from .rejects import Rejects
from .table import clean_names, pick
from .work import Rejected, Work


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
        return self._written

    def _take(self, columns: Columns, batch: Batch, file: BinaryIO) -> None:
        if self._written is None and self._keys.names and not self._late:
            self._begin(file)
        elif self._keys.fresh:
            self._late = True
        if self._written is not None and batch.values and not self._late:
            self._write(columns, len(batch.values), file, self._written)

    def _begin(self, file: BinaryIO) -> None:
        data, names = self._work.data, self._keys.names
        if not self._last and not {*(data.columns or []), *data.rename} <= set(names):
            self._late = True
            return
        pairs = pick(names, data)
        renamed = clean_names([new for _, new in pairs], data.on_bad_header, ignore_case=self._form.ignore_case)
        self._chosen = [names.index(old) for old, _ in pairs]
        self._written = Written(renamed, tokens=[set() for _ in renamed])
        if self._form.header:
            tokens = [msgspec.Raw(msgspec.json.encode(name)) for name in renamed]
            file.write(self._form.delimiter.encode().join(self._cells([t])[0] for t in tokens) + b"\n")

    def _write(self, columns: Columns, rows: int, file: BinaryIO, written: Written) -> None:
        chosen = [columns[n] for n in self._chosen]
        if self._form.tokens:
            for seen, column in zip(written.tokens, chosen, strict=True):
                seen.update({bytes(token)[:1] for token in column})
        lines = map(self._form.delimiter.encode().join, zip(*map(self._cells, chosen), strict=True))
        file.write(b"\n".join(lines) + b"\n")
        written.rows += rows
