"""Where the records of a piece of a CSV file begin and end, and which of them are broken.

The grammar is the one that DuckDB's strict reader follows (seen with version 2.0): a value is quoted if its first
byte is a quote, and a quote inside of it is doubled; quotes further on in a value are text. What that reader takes
in silence and changes is broken here: an extra empty value at the end of a row, a space beside a quoted value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .csv_in import Dialect

Bytes = NDArray[np.uint8]
Places = NDArray[np.intp]
Flags = NDArray[np.bool_]

LF, CR, SPACE = 10, 13, 32
FINE, ENCODING, QUOTE, SPACED, COUNT = range(5)


class Spans(NamedTuple):
    """Quoted text: from each opening quote to its closing one. `open`: the quote that is not closed, or -1.

    A value with doubled quotes in it may be one span, or several that touch.
    """

    starts: Places
    stops: Places
    open: int


@dataclass(frozen=True)
class Grid:
    """Records `data[begins[i]:stops[i]]`; the next begins at `nexts[i]`. `faults`: FINE or what is wrong.

    `values`: how many each has. What lies after the last record is not complete; `open` says that a quote is
    why. `ends`: the kinds of line ends.
    """

    begins: Places
    stops: Places
    nexts: Places
    values: Places
    faults: NDArray[np.uint8]
    open: bool
    ends: frozenset[str]

    @property
    def size(self) -> int:
        """How many bytes the records take, with their line ends."""
        return int(self.nexts[-1]) if len(self.nexts) else 0


def grid(text: bytes, dialect: Dialect, columns: int, *, last: bool) -> Grid:
    """Cut `text`, which begins with a record, into records of `columns` values. `last`: nothing comes after it."""
    data = np.frombuffer(text, np.uint8)
    marks = Marks(dialect)
    spans = marks.by_parity(data) or marks.by_pattern(text)
    stops, nexts, kinds = _line_ends(data, spans, last=last)
    begins = np.concatenate((np.zeros(1, np.intp), nexts[:-1])) if len(nexts) else nexts
    size = int(nexts[-1]) if len(nexts) else 0
    delimiters = _outside(marks.delimiters(data[:size]), spans)
    values = np.searchsorted(delimiters, stops) - np.searchsorted(delimiters, begins) + 1
    faults = np.zeros(len(nexts), np.uint8)
    faults[(values != columns) & ~((begins == stops) & (columns > 1))] = COUNT
    for places, fault in marks.faults(data, spans):
        faults[np.searchsorted(nexts, places[places < size], "right")] = fault
    faults[_not_utf8(text[:size], nexts)] = ENCODING
    return Grid(begins, stops, nexts, values, faults, spans.open >= 0, kinds)


class Marks:
    """The bytes that mean something in a dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._delimiter = dialect.delimiter.encode()
        self._quote = ord(dialect.quote)
        self._spaces = self._delimiter != b" "
        q, d = re.escape(dialect.quote.encode()), re.escape(self._delimiter)
        space = b" ?" if self._spaces else b""
        self._pattern = re.compile(
            rb"(?:\A|(?<=[\r\n])|(?<=%b))%b(%b[^%b]*+(?:%b%b[^%b]*+)*+(?:%b|\Z))" % (d, space, q, q, q, q, q, q)
        )

    def delimiters(self, data: Bytes) -> Places:
        """Where a delimiter begins, in quotes or not."""
        found = np.flatnonzero(data == self._delimiter[0])
        for offset, byte in enumerate(self._delimiter[1:], 1):
            found = found[found < len(data) - offset]
            found = found[data[found + offset] == byte]
        return found

    def by_parity(self, data: Bytes) -> Spans | None:
        """Each other quote closes one. None if that is not so, because some quote is only text."""
        quotes = np.flatnonzero(data == self._quote)
        starts, stops = quotes[0::2], quotes[1::2]
        doubled = np.zeros(len(starts), bool)
        doubled[1:] = starts[1:] == stops[: len(starts) - 1] + 1
        if not np.all(doubled | self._begins_value(data, starts) | self._begins_value(data, starts - 1, SPACE)):
            return None
        return Spans(starts[: len(stops)], stops, int(starts[-1]) if len(starts) > len(stops) else -1)

    def by_pattern(self, text: bytes) -> Spans:
        """The same, one value after the other."""
        found = [match.span(1) for match in self._pattern.finditer(text)]
        opened = -1
        if found and found[-1][1] == len(text) and not _is_closed(text[slice(*found[-1])], self._quote):
            opened = found.pop()[0]
        spans = np.array(found, np.intp).reshape(-1, 2)
        return Spans(spans[:, 0], spans[:, 1] - 1, opened)

    def faults(self, data: Bytes, spans: Spans) -> list[tuple[Places, int]]:
        """Bytes in records with a fault; the fault that is told goes last."""
        after = spans.stops + 1
        doubled = after == np.append(spans.starts, spans.open)[1 : len(after) + 1]
        inner = after[(after < len(data)) & ~doubled]
        ended = self._ends_value(data, inner)
        spaced = data[inner] == SPACE if self._spaces else np.zeros(len(inner), bool)
        before = spans.starts[spans.starts > 0] - 1
        led = before[data[before] == SPACE] if self._spaces else before[:0]
        led = led[self._begins_value(data, led)]
        return [(inner[~ended & ~spaced], QUOTE), (np.concatenate((led, inner[spaced])), SPACED)]

    def _begins_value(self, data: Bytes, places: Places, byte: int | None = None) -> Flags:
        """Is a value's first byte there, and is it `byte`?"""
        found: Flags = places == 0
        if not len(data):
            return found
        before = data[np.maximum(places - 1, 0)]
        found |= (places > 0) & ((before == LF) | (before == CR))
        size = len(self._delimiter)
        matches = places >= size
        for offset, mark in enumerate(self._delimiter):
            matches &= data[np.maximum(places - size + offset, 0)] == mark
        found |= matches
        if byte is not None:
            found &= (places >= 0) & (data[np.maximum(places, 0)] == byte) & self._spaces
        return found

    def _ends_value(self, data: Bytes, places: Places) -> Flags:
        found: Flags = (data[places] == LF) | (data[places] == CR)
        matches = places <= len(data) - len(self._delimiter)
        for offset, mark in enumerate(self._delimiter):
            matches &= data[np.minimum(places + offset, len(data) - 1)] == mark
        return found | matches


def _is_closed(value: bytes, quote: int) -> bool:
    """Does this text, which runs to the end of the data, end with a quote that is not one half of a doubled one?"""
    trailing = len(value) - len(value.rstrip(bytes([quote])))
    whole = trailing == len(value)
    return trailing % 2 == (0 if whole else 1)


def _outside(places: Places, spans: Spans) -> Places:
    """Those that are not in quotes, of the places before a quote that stays open."""
    if spans.open >= 0:
        places = places[places < spans.open]
    if not len(spans.starts):
        return places
    opened = np.searchsorted(spans.starts, places, "right")
    found: Places = places[(opened == 0) | (spans.stops[opened - 1] < places)]
    return found


def _line_ends(data: Bytes, spans: Spans, *, last: bool) -> tuple[Places, Places, frozenset[str]]:
    """Where records stop, where the next ones begin, and the kinds of line ends between."""
    feeds = _outside(np.flatnonzero(data == LF), spans)
    returns = _outside(np.flatnonzero(data == CR), spans)
    if not len(returns):
        stops, nexts, kinds = feeds, feeds + 1, {"\n"} if len(feeds) else set()
    else:
        stops, nexts, kinds = _with_returns(data, feeds, returns, last=last)
    end = int(nexts[-1]) if len(nexts) else 0
    if last and spans.open < 0 and end < len(data):
        stops, nexts = np.append(stops, len(data)), np.append(nexts, len(data))
    return stops, nexts, frozenset(kinds)


def _with_returns(data: Bytes, feeds: Places, returns: Places, *, last: bool) -> tuple[Places, Places, set[str]]:
    """The same for data with carriage returns. One at the very end may be half of a line end."""
    if not last:
        returns = returns[returns < len(data) - 1]
    after = data[np.minimum(returns + 1, len(data) - 1)]
    pairs = returns[(after == LF) & (returns + 1 < len(data))]
    alone = np.setdiff1d(returns, pairs, assume_unique=True)
    single = np.setdiff1d(feeds, pairs + 1, assume_unique=True)
    stops = np.concatenate((pairs, alone, single))
    nexts = np.concatenate((pairs + 2, alone + 1, single + 1))
    order = np.argsort(stops, kind="stable")
    kinds = {"\r\n": len(pairs), "\r": len(alone), "\n": len(single)}
    return stops[order], nexts[order], {kind for kind, count in kinds.items() if count}


def _not_utf8(text: bytes, nexts: Places) -> list[int]:
    """The numbers of the records that are not UTF-8."""
    if _is_utf8(text):
        return []
    begins = [0, *nexts.tolist()]
    return [number for number, (start, end) in enumerate(pairwise(begins)) if not _is_utf8(text[start:end])]


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
