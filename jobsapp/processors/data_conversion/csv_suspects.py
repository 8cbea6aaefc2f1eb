"""A cheap look, beside the conversion, for what DuckDB takes in silence and changes.

An extra empty value at a row's end (`1,2,` for two columns) and spaces around a quoted value (`1, "a"`). A line
longer than its buffers it leaves out altogether. What is found here may be all right (the last value is empty, it
stands inside of quotes): only `csv_sieve` can tell. This look costs about 0.6 s per GB, the sieve several seconds.
"""

from __future__ import annotations

import threading
from codecs import BOM_UTF8
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .csv_grid import CR, LF, SPACE
from .csv_in import Dialect
from .progress import Stage

CHUNK = 1 << 20
# Enough bytes of the last chunk for all that is looked at around a place.
OVERLAP = 8
AFTER = 4


class Suspects(threading.Thread):
    """Use it in a `with` block: leaving that ends the search."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(name="suspects", daemon=True)
        self._path = dialect.path
        self._delimiter, self._quote = dialect.delimiter.encode()[-1], ord(dialect.quote)
        self._spaces = dialect.delimiter != " "
        self._after = _table(self._delimiter, LF, CR)
        self._beside = _table(self._delimiter, LF, CR, self._quote, SPACE)
        # Kept from chunk to chunk: fresh memory costs more than all that is done with it.
        self._room = np.empty((OVERLAP + CHUNK + AFTER) // 2, bool)
        self._stop_asked = threading.Event()
        self._found = False
        self._error: OSError | None = None

    def __enter__(self) -> Suspects:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_asked.set()
        self.join()

    def run(self) -> None:
        try:
            self._found = self._search()
        except OSError as error:
            self._error = error

    def found(self, stage: Stage) -> bool:
        """Wait for the answer; `stage` lets the wait be cancelled. Raises OSError."""
        while self.is_alive():
            self.join(0.05)
            stage.at(0.0)
        if self._error is not None:
            raise self._error
        return self._found

    def _search(self) -> bool:
        buffer = bytearray(OVERLAP + CHUNK + AFTER)
        data, kept = np.frombuffer(buffer, np.uint8), 0
        # DuckDB refuses a file that mixes line ends, so its head tells which to look for.
        ends: list[int] | None = None
        with self._path.open("rb", buffering=0) as reader:
            while size := reader.readinto(memoryview(buffer)[kept : kept + CHUNK]):
                if self._stop_asked.is_set():
                    return False
                end = kept + size
                if size == CHUNK and buffer.find(LF) < 0 and buffer.find(CR) < 0:
                    return True
                ends = ends or [LF, *([CR] if CR in buffer[:end] else [])]
                if self._suspect(data[:end], ends, first=not kept):
                    return True
                kept = min(OVERLAP, end)
                buffer[:kept] = buffer[end - kept : end]
        # As if one more line end came, and all that is looked at after it.
        buffer[kept : kept + AFTER] = bytes([LF]) * AFTER
        return self._suspect(data[: kept + AFTER], [LF], first=False)

    def _suspect(self, data: NDArray[np.uint8], ends: list[int], *, first: bool) -> bool:
        if any(len(places) for end in ends for places in self._find(data, self._delimiter, end)):
            return True
        if not self._spaces:
            return False
        if first and any(data[at : at + 2].tobytes() == bytes([SPACE, self._quote]) for at in (0, len(BOM_UTF8))):
            return True
        return any(self._is_trailed(data, places) for places in self._find(data, self._quote, SPACE)) or any(
            self._is_led(data, places) for places in self._find(data, SPACE, self._quote)
        )

    def _is_led(self, data: NDArray[np.uint8], places: NDArray[np.intp]) -> bool:
        """Does a value begin with one of these spaces, and with a quote that is not half of a doubled one?"""
        places = places[self._after[data[places - 1]]]
        return bool(np.any((data[places + 2] != self._quote) | self._beside[data[places + 3]]))

    def _is_trailed(self, data: NDArray[np.uint8], places: NDArray[np.intp]) -> bool:
        """Does a value end after one of these quotes, but for spaces, or go on with another quote?"""
        return bool(np.any(self._beside[data[places + 2]]))

    def _find(self, data: NDArray[np.uint8], one: int, two: int) -> Iterator[NDArray[np.intp]]:
        """Where these two bytes stand, if anywhere. They are compared as one number, at even places and at odd ones."""
        inner = data[: len(data) - AFTER + 2]
        number = np.array((one, two), np.uint8).view(np.uint16)[0]
        for start in (0, 1):
            half = inner[start:][: (len(inner) - start) // 2 * 2].view(np.uint16)
            found = np.equal(half, number, out=self._room[: len(half)])
            if found.any():
                yield np.flatnonzero(found) * 2 + start


def _table(*values: int) -> NDArray[np.bool_]:
    """Is a byte one of these?"""
    found = np.zeros(256, bool)
    found[list(values)] = True
    return found
