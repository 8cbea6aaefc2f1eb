"""Columns in which a text looks exactly like a number, true, false, an object or an array beside it.

JSON tells the string "1" from the number 1. Text columns do not: in CSV, and in Parquet where a column is text, both
are 1. The value is there, but not which of the two it was, so the log says so. The rule: a column is named if some
of its tokens are of a kind (numbers; true and false; objects and arrays) and some string in it is, as its whole text,
a token of that same kind. 1 beside "abc", "007" or "true" is clear and not named. Null is never named: it has a text
of its own. Counted are the rows that were written, wherever in the column the two stand.

Only columns that hold strings and other tokens are looked into. A column that begins with one sort alone is looked
into from where the other turns up; what came before is read again, as far as that is needed for an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import msgspec

from .infer import NUMBER
from .json_array import check
from .json_cells import Cells

MOST_NAMED = 20
NAME_LENGTH = 100
TARGETS = {"csv": "CSV", "tsv": "TSV", "parquet": "A text column of Parquet"}

_text = msgspec.json.Decoder(str).decode
_number = re.compile(NUMBER).fullmatch


def _is_nested(text: str) -> bool:
    if text[:1] not in ("{", "["):
        return False
    try:
        check(text.encode())
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


@dataclass(frozen=True, eq=False)
class Kind:
    """`token` finds the start of a token of this kind in a column; `likely` that of a string worth a `test`."""

    name: str
    like: str
    token: re.Pattern[bytes]
    likely: re.Pattern[bytes]
    test: Callable[[str], object]


# An escape that starts a string may stand for any character.
KINDS = (
    Kind(
        *("numbers", "a number"),
        re.compile(rb"\n[-0-9]"),
        re.compile(rb'\n"(?:[-0-9][-+.0-9eE]*["\\]|\\u)'),
        _number,
    ),
    Kind(
        *("true or false", "true or false"),
        re.compile(rb"\n[tf]"),
        re.compile(rb'\n"(?:t[r\\]|f[a\\]|\\u)'),
        frozenset({"true", "false"}).__contains__,
    ),
    Kind(
        *("objects or arrays", "an object or array"),
        re.compile(rb"\n[{[]"),
        re.compile(rb'\n"(?:[{[]|\\u)'),
        _is_nested,
    ),
)

ALL = frozenset(KINDS)


def _first_token(kind: Kind, column: bytes) -> int | None:
    found = kind.token.search(column)
    return column.count(b"\n", 0, found.start()) if found else None


def _first_text(kind: Kind, column: bytes) -> int | None:
    for found in kind.likely.finditer(column):
        start = found.start() + 1
        end = column.find(b"\n", start)
        if kind.test(_text(column[start : end if end >= 0 else None])):
            return column.count(b"\n", 0, start - 1)
    return None


@dataclass
class _Side:
    """One of the two sorts of a column: where each kind of it stands first, and whether there is any at all."""

    find: Callable[[Kind, bytes], int | None]
    present: bool = False
    first: dict[Kind, int] = field(default_factory=dict)

    def state(self) -> list[Any]:
        return [self.present, *(self.first.get(kind) for kind in KINDS)]

    def put(self, state: list[Any]) -> None:
        self.present = state[0]
        self.first = {kind: place for kind, place in zip(KINDS, state[1:], strict=True) if place is not None}

    def look(self, tokens: Sequence[msgspec.Raw], places: Sequence[int], kinds: Set[Kind]) -> Set[Kind]:
        """Which of the `kinds` are in this batch; their first places are noted."""
        column = b"\n" + b"\n".join(tokens)
        found = {kind: places[at] for kind in kinds if (at := self.find(kind, column)) is not None}
        self.first.update(found)
        return found.keys()


@dataclass
class _Column:
    """`mixed_at`: the first place of the batch with which both sides were there. `early`: the side there before.

    `open`: the kinds whose first place on the early side is still to be found.
    """

    texts: _Side = field(default_factory=lambda: _Side(_first_text))
    tokens: _Side = field(default_factory=lambda: _Side(_first_token))
    mixed_at: int = 0
    early: _Side | None = None
    open: set[Kind] = field(default_factory=set)

    def add(self, tokens: Sequence[msgspec.Raw], cells: Cells, places: Sequence[int]) -> None:
        early = self.texts if self.texts.present else self.tokens if self.tokens.present else None
        self.texts.present |= cells.strings
        self.tokens.present |= cells.others
        if not (self.texts.present and self.tokens.present):
            return
        if not self.mixed_at:
            self.mixed_at, self.early = places[0], early
        for side, there in ((self.texts, cells.strings), (self.tokens, cells.others)):
            if there:
                side.look(tokens, places, ALL - side.first.keys())

    def close(self) -> None:
        """What the early side lacks matters only for kinds that the other side has."""
        if self.early is not None:
            self.open = set(self.texts.first if self.early is self.tokens else self.tokens.first)

    def recall(self, tokens: Sequence[msgspec.Raw], places: Sequence[int]) -> None:
        if self.early is not None and self.open and places[0] < self.mixed_at:
            self.open -= self.early.look(tokens, places, self.open)

    def state(self) -> list[Any]:
        early = 0 if self.early is None else 1 if self.early is self.texts else 2
        return [self.texts.state(), self.tokens.state(), self.mixed_at, early]

    @classmethod
    def of(cls, state: list[Any]) -> _Column:
        texts, tokens, mixed_at, early = state
        column = cls(_Side(_first_text), _Side(_first_token), mixed_at)
        column.texts.put(texts)
        column.tokens.put(tokens)
        column.early = (None, column.texts, column.tokens)[early]
        return column

    def both(self) -> list[tuple[Kind, int, int]]:
        first, texts = self.tokens.first, self.texts.first
        return [(kind, first[kind], texts[kind]) for kind in KINDS if kind in first and kind in texts]


class Mixed:
    """Watches the columns `names` (as they are in the file) in one pass over it.

    `before`: the `state` of another, which had seen the file up to here.
    """

    def __init__(self, names: Sequence[str], before: list[Any] | None = None) -> None:
        self._names = names
        self._columns = [_Column() for _ in names] if before is None else [_Column.of(state) for state in before]

    def state(self) -> list[Any]:
        """All that is known so far, as JSON. Not after `close`."""
        return [column.state() for column in self._columns]

    def add(self, columns: Sequence[Sequence[msgspec.Raw]], cells: Sequence[Cells], places: Sequence[int]) -> None:
        """Take note of a batch, with the cells that its columns became. `places`: those of its rows."""
        for column, tokens, made in zip(self._columns, columns, cells, strict=True):
            column.add(tokens, made, places)

    def close(self) -> None:
        """The pass is over; `wants` then tells what of the file is to be read again."""
        for column in self._columns:
            column.close()

    def wants(self, place: int) -> bool:
        """Whether a batch that begins at `place`, or any after it, could still give an answer."""
        return any(column.open and place < column.mixed_at for column in self._columns)

    def recall(self, columns: Sequence[Sequence[msgspec.Raw]], places: Sequence[int]) -> None:
        """A batch once more, from the beginning of the file on."""
        for column, tokens in zip(self._columns, columns, strict=True):
            column.recall(tokens, places)

    def warnings(self, unit: str, target: str) -> list[str]:
        """A sentence for each column in question, but not for more than `MOST_NAMED`, then how many more there are.

        `unit`: what a place is, line or item. `target`: the format written.
        """
        found = [
            (name, both) for name, column in zip(self._names, self._columns, strict=True) if (both := column.both())
        ]
        lines = [
            f'Column "{_short(name)}" holds {_said(both, unit)}: {TARGETS[target]} cannot tell them apart.'
            for name, both in found[:MOST_NAMED]
        ]
        more = len(found) - MOST_NAMED
        return lines + ([f"So it is in {more:,} more column{'s' if more > 1 else ''}."] if more > 0 else [])


def _said(both: Sequence[tuple[Kind, int, int]], unit: str) -> str:
    return ", and ".join(
        f"{kind.name} (first in {unit} {token:,}) and text that looks like {kind.like} (first in {unit} {text:,})"
        for kind, token, text in both
    )


def _short(name: str) -> str:
    return name if len(name) <= NAME_LENGTH else name[:NAME_LENGTH] + "…"
