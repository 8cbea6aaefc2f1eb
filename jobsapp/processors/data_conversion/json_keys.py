"""The columns of JSON rows: every key of every row, in the order in which they first appear."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import repeat
from operator import attrgetter
from typing import Any

import msgspec

from jobsapp.processors.sdk import Permanent

from .json_in import Batch, Reader

MOST_KEYS = 5_000
NULL = msgspec.Raw(b"null")
_row = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')

Columns = list[list[msgspec.Raw]]


class Keys:
    """Learns the keys of batch after batch and takes batches apart into columns of raw tokens.

    `names` grows; `fresh` is True after a batch that brought new ones. Those given are known from the beginning.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.names = list(names)
        self.fresh = False
        self._decode: Any = None
        self._getters: list[Any] = []
        if self.names:
            self._compile()

    def columns(self, batch: Batch, reader: Reader) -> tuple[Columns, Batch]:
        """Tokens by column, then by row; `null` where a row lacks the key. Rows that will not do are rejected.

        Also gives the batch without those rows.
        """
        columns = self._take_apart(batch.values)
        # Put together again, the tokens give the very same bytes: so all was valid and no key stood twice.
        if columns is not None and self._same(columns, batch.values):
            self.fresh = False
            return columns, batch
        batch = self._learn(reader.checked(batch), reader)
        return self._take_apart(batch.values) or [[] for _ in self.names], batch

    def note(self, values: Sequence[bytes]) -> None:
        """Learn the keys of those values that are objects, as long as they are few enough for a table."""
        if len(self.names) > MOST_KEYS or (self._decode and self._take_apart(values) is not None):
            return
        seen = dict.fromkeys(self.names)
        for value in values:
            if value[:1] == b"{":
                seen.update(dict.fromkeys(_row(value)))
        if len(seen) > len(self.names):
            self.names = list(seen)
            self._compile()

    def _take_apart(self, values: Sequence[bytes]) -> Columns | None:
        if not values or not self.names:
            return None
        if self._decode is None:
            rows = [_row(value) for value in values]
            return [[row.get(name, NULL) for row in rows] for name in self.names]
        try:
            rows = self._decode(b"\n".join(values))
        except msgspec.DecodeError:
            return None
        return [list(map(getter, rows)) for getter in self._getters] if len(rows) == len(values) else None

    def _same(self, columns: Columns, values: Sequence[bytes]) -> bool:
        spaced = values[0][1 : 2 + len(_json(self.names[0])) + 2].endswith(b": ")
        parts: list[Any] = []
        for number, (name, column) in enumerate(zip(self.names, columns, strict=True)):
            parts += [repeat(_glue(name, first=not number, spaced=spaced)), column]
        rows = map(b"".join, zip(*parts, repeat(b"}"), strict=False))
        return b"\n".join(rows) == b"\n".join(values)

    def _learn(self, batch: Batch, reader: Reader) -> Batch:
        """Row by row: new keys, and what is no object or has a key twice."""
        good: list[bytes] = []
        places: list[int] = []
        known = len(self.names)
        seen = set(self.names)
        for place, value in zip(batch.places, batch.values, strict=True):
            if fault := self._fault(value):
                reader.reject(reader.bad(place, batch.done, fault[0], fault[1], value))
                continue
            new = [key for key in _row(value) if key not in seen]
            seen.update(new)
            self.names += new
            good.append(value)
            places.append(place)
        if len(self.names) > MOST_KEYS:
            raise Permanent(f"The rows have more than {MOST_KEYS:,} different keys: that is not a table.")
        self.fresh = len(self.names) > known
        if self.fresh:
            self._compile()
        return Batch(good, places, batch.done)

    def _fault(self, value: bytes) -> tuple[str, str] | None:
        if value[:1] != b"{":
            return "not an object", "is not an object; each row must be one, {…}"
        row = _row(value)
        for spaced in (False, True):
            glued = [_glue(k, first=not n, spaced=spaced) + bytes(v) for n, (k, v) in enumerate(row.items())]
            if b"".join(glued) + b"}" == value:
                return None
        pairs: list[tuple[str, Any]] = json.loads(value, object_pairs_hook=list)
        if len(pairs) == len(row):
            return None
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        return "repeated key", f"has the key {twice!r} more than once"

    def _compile(self) -> None:
        """A struct decodes faster than a dict, but its keys cannot hold every character."""
        self._decode, self._getters = None, []
        if not all(_PLAIN.fullmatch(name) for name in self.names):
            return
        fields = [f"c{n}" for n in range(len(self.names))]
        row = msgspec.defstruct(
            "Row",
            [(field, msgspec.Raw, NULL) for field in fields],
            rename=dict(zip(fields, self.names, strict=True)),
            forbid_unknown_fields=True,
            gc=False,
        )
        self._decode = msgspec.json.Decoder(row).decode_lines
        self._getters = [attrgetter(field) for field in fields]


def _glue(name: str, *, first: bool, spaced: bool) -> bytes:
    start = b"{" if first else b", " if spaced else b","
    return start + _json(name) + (b": " if spaced else b":")


def _json(name: str) -> bytes:
    return msgspec.json.encode(name)
