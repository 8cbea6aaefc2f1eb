"""The rows of any table that can be converted, one after the other, as texts by column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jobsapp.processors.sdk import JSON, Context, InputFile

from ..duck import Duck
from ..kept import Kept
from ..model import ConversionInput, Format
from ..progress import Stage
from ..work import Outcome, Work
from .options import ExampleOptions

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Rows:
    """A table as JSON Lines at `path`. `count`: how many rows are of use."""

    path: Path
    count: int
    columns: list[str]
    outcome: Outcome

    def __iter__(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Numbers from 1, and the row's values as text; no value is the empty text, a number is as it was written."""
        read: Callable[[bytes], dict[str, str]] = _texts
        with self.path.open("rb") as file:
            for number, line in zip(range(1, self.count + 1), file, strict=False):
                try:
                    yield number, read(line)
                except msgspec.ValidationError:
                    # Where one row has a number, the next will have it too.
                    read = _as_written
                    yield number, read(line)


class _Within:
    """The job's context for a conversion inside of it: what that would keep is of no use to the next attempt."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.last_checkpoint: JSON = None
        self.keepdir = context.workdir / "rows"
        self.keepdir.mkdir()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def checkpoint(self, state: JSON) -> None:
        """Not the job's."""


def rows_of(
    data: ConversionInput,
    context: Context,
    source: InputFile,
    source_format: Format,
    readers: dict[Format, Callable[[Work], Outcome]],
    stage: Stage,
) -> Rows:
    """Read the table with the conversion itself: what it refuses and reports, this does. Raises `Permanent`."""
    plain = {"target_format": "jsonl", "compression": "none", "options": ExampleOptions()}
    data = data.model_copy(update=plain)
    target = context.workdir / "rows.jsonl"
    within: Any = _Within(context)
    with Kept(within, "rows") as kept, Duck(context, source.path, target) as duck:
        outcome = readers[source_format](Work(within, data, source, source_format, duck, target, stage, kept))
    columns = [column.name for column in outcome.columns]
    return Rows(target, outcome.rows, columns, outcome)


TEXTS = msgspec.json.Decoder(dict[str, str | None])
PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _texts(line: bytes) -> dict[str, str]:
    """A row of texts alone, quickly. Raises ValidationError for others."""
    row = TEXTS.decode(line)
    if None in row.values():
        return {name: value or "" for name, value in row.items()}
    return row  # type: ignore[return-value]


def _as_written(line: bytes) -> dict[str, str]:
    return {name: _text(value) for name, value in PARTS.decode(line).items()}


def _text(value: msgspec.Raw) -> str:
    raw = bytes(value)
    if raw == b"null":
        return ""
    return msgspec.json.decode(raw, type=str) if raw.startswith(b'"') else raw.decode()
