"""Many items in few statements, and yet a verdict on each: the search for those that the server refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import psycopg

from jobsapp.processors.sdk import Context, Permanent

from .catalog import Connection
from .rows import Broken

FULL = 5_000
SMALLEST = 50
# Classes of SQLSTATE that a single row can be at fault for: the key given twice, data, constraints, a view's check, an
# exception of a trigger. https://www.postgresql.org/docs/current/errcodes-appendix.html
OF_A_ROW = ("21", "22", "23", "44", "P0")
AT_LINE = re.compile(r", line (\d+)(?:, column ([^:]+))?")

T = TypeVar("T")


@dataclass(frozen=True)
class Refused(Generic[T]):
    """An item that failed, and why."""

    item: T
    why: Broken


@dataclass
class Settled(Generic[T]):
    """What came of a piece: `counts` of items, and those that failed although the server took the statement."""

    counts: dict[str, int]
    refused: list[Refused[T]] = field(default_factory=list)


class Pieces(Generic[T]):
    """Sends items piece by piece, in their order, each in a savepoint of its own.

    When the server refuses a piece and says the line, the lines before it go first, that one is refused, and the rest
    follows; when it does not say, the piece is halved until one item is left. Pieces become smaller while there are
    errors and larger again without, so that a file full of errors does not send each row many times.
    """

    def __init__(
        self,
        connection: Connection,
        context: Context,
        send: Callable[[Sequence[T]], Settled[T]],
        done: Callable[[Settled[T]], None],
        *,
        first_line: int = 1,
    ) -> None:
        """`first_line`: how the server numbers the first item of a piece."""
        self._connection, self._context = connection, context
        self._send, self._done = send, done
        self._first_line = first_line
        self._size = FULL

    def settle(self, entries: Sequence[T | Refused[T]]) -> None:
        """All of them, in their order. What `done` raises comes through."""
        waiting: list[list[T] | Refused[T]] = _runs(entries)[::-1]
        while waiting:
            self._context.check_cancelled()
            piece = waiting.pop()
            if isinstance(piece, Refused):
                self._done(Settled({}, [piece]))
                continue
            if len(piece) > self._size:
                waiting.append(piece[self._size :])
                piece = piece[: self._size]
            waiting += self._try(piece)[::-1]

    def _try(self, piece: list[T]) -> list[list[T] | Refused[T]]:
        """Send it; if it was refused, what is to be done instead."""
        try:
            with self._connection.transaction():
                settled = self._send(piece)
        except (psycopg.Error, UnicodeEncodeError) as error:
            why, place = _reason(error)
            self._size = max(SMALLEST, min(self._size, len(piece)) // 2)
            return self._parts(piece, why, place)
        if len(piece) == self._size:
            self._size = min(FULL, self._size * 2)
        self._done(settled)
        return []

    def _parts(self, piece: list[T], why: Broken, place: int | None) -> list[list[T] | Refused[T]]:
        at = 0 if len(piece) == 1 else None if place is None else place - self._first_line
        if at is None or not 0 <= at < len(piece):
            half = len(piece) // 2
            return [piece[:half], piece[half:]]
        parts: list[list[T] | Refused[T]] = [piece[:at], Refused(piece[at], why), piece[at + 1 :]]
        return [part for part in parts if part]


def _reason(error: psycopg.Error | UnicodeEncodeError) -> tuple[Broken, int | None]:
    """Why a row was refused, and the number of the line if the server says it. Raises what is no row's fault."""
    if isinstance(error, UnicodeEncodeError):
        return Broken("bad_text", f"A character cannot be stored: {error.reason}."), None
    state = error.sqlstate or ""
    if isinstance(error, psycopg.DataError) and not state:
        return Broken("bad_text", f"{error}."), None
    if isinstance(error, psycopg.ProgrammingError | psycopg.NotSupportedError) and not state.startswith(OF_A_ROW):
        raise Permanent(f"The database refuses it: {error.diag.message_primary or error}.") from None
    if not state.startswith(OF_A_ROW):
        raise error
    diag = error.diag
    message = f"{diag.message_primary}. {diag.message_detail or ''}".strip()
    found = AT_LINE.search(diag.context or "")
    column = (found[2] if found else None) or diag.column_name
    return Broken(state, message, column), int(found[1]) if found else None


def _runs(entries: Sequence[T | Refused[T]]) -> list[list[T] | Refused[T]]:
    runs: list[list[T] | Refused[T]] = []
    for entry in entries:
        if isinstance(entry, Refused):
            runs.append(entry)
        elif runs and isinstance(runs[-1], list):
            runs[-1].append(entry)
        else:
            runs.append([entry])
    return runs
