"""Items into the opened database: batch by batch with commits, or all in one transaction that may be taken back."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import psycopg

from jobsapp.processors.sdk import Context

from .catalog import Connection
from .ledger import Ledger
from .model import BulkInput
from .pieces import FULL, Pieces, Refused, Settled
from .report import Report, Stop, words
from .rows import Item

BATCH = FULL
TRIES = 4
AT_ONCE = "SET CONSTRAINTS ALL IMMEDIATE"
Place = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Batch(Generic[T]):
    """Entries that are committed together. `place`: where the next one begins, as JSON."""

    entries: Sequence[T | Refused[T]]
    place: Place


class Source(Protocol[T]):
    """What is to be done to which items."""

    total: int
    first_line: int
    """How the server numbers the first item of a COPY."""

    def batches(self, place: Place | None, size: int) -> Iterator[Batch[T]]:
        """All that come after that place."""

    def open(self) -> Callable[[Sequence[T]], Settled[T]]:
        """Make ready, and say what does a piece."""

    def item(self, entry: T) -> Item:
        """For the report."""


class Engine(Generic[T]):
    """One attempt. A dry run does all of it in one transaction and takes it back."""

    def __init__(self, data: BulkInput, context: Context, connection: Connection, source: Source[T]) -> None:
        self._data, self._context, self._connection, self._source = data, context, connection, source
        self._ledger = None if data.dry_run else Ledger(connection, context)
        found = self._ledger.found if self._ledger else None
        self._place: Place | None = found["place"] if found else None
        self._outcome: str = found["outcome"] if found else ""
        self._reason: str = found["reason"] if found else ""
        self._broken, self._all_seen = "", False
        self._report = Report(context, data, found["report"] if found else None)
        if found:
            source.total = found["total"]
            context.log(f"Resumed at row {self._looked_at():,} of {source.total:,}.")

    def run(self) -> dict[str, Any]:
        """Do it; what came of it, for the job's result."""
        began = time.monotonic()
        with self._report:
            if not self._outcome:
                (self._all_in_one if self._data.atomic or self._data.dry_run else self._batch_by_batch)()
            self._report.keep()
        if self._all_seen:
            # How many a CSV file has is sure only when it was read.
            self._source.total = self._report.counts.total() + self._report.failed
        self._show()
        return {
            "outcome": self._outcome,
            **({"reason": self._reason} if self._reason else {}),
            "rows": self._source.total,
            **self._report.result(),
            "seconds": round(time.monotonic() - began, 3),
        }

    def _batch_by_batch(self) -> None:
        pieces = self._pieces()
        for batch in self._source.batches(self._place, BATCH):
            self._retried(lambda batch=batch: self._committed(pieces, batch))  # type: ignore[misc]
            if self._outcome:
                return
        self._outcome, self._all_seen = "done", True
        with self._connection.transaction():
            self._save()

    def _retried(self, work: Callable[[], None]) -> None:
        """Again if others' transactions were in the way; what was counted is taken back with the rows."""
        before = self._report.state()
        for attempt in range(1, TRIES + 1):
            try:
                work()
                return
            except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
                self._report.back_to(before)
                if attempt == TRIES:
                    raise
                time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - jitter

    def _committed(self, pieces: Pieces[T], batch: Batch[T]) -> None:
        with self._connection.transaction():
            # A rule that is checked at the commit would take the whole batch with it, and name no row.
            self._connection.execute(AT_ONCE)
            try:
                pieces.settle(batch.entries)
            except Stop as stop:
                self._outcome, self._reason = "stopped", f"{stop} The rows after that were not tried."
            self._place = batch.place
            self._save()
        self._show()

    def _all_in_one(self) -> None:
        with self._connection.transaction() as whole:
            pieces = self._pieces()
            try:
                for batch in self._source.batches(None, BATCH):
                    if not self._data.atomic:
                        self._connection.execute(AT_ONCE)
                    pieces.settle(batch.entries)
                    self._place = batch.place
                    self._show()
                self._all_seen = True
                self._check_deferred()
            except Stop as stop:
                self._reason = f"{stop} The rows after that were not tried."
            self._decide(whole)

    def _check_deferred(self) -> None:
        """Rules that may be broken in between, if all is one transaction, must hold at its end."""
        try:
            with self._connection.transaction():
                self._connection.execute(AT_ONCE)
        except psycopg.IntegrityError as error:
            self._broken = f"{error.diag.message_primary}. {error.diag.message_detail or ''}".strip()

    def _decide(self, whole: psycopg.Transaction) -> None:
        """Commit, or take it all back."""
        failed = f"{self._report.failed:,} rows failed." if self._report.failed else ""
        why = self._reason or self._broken
        if self._data.dry_run:
            self._outcome, self._reason = "tried", f"{why} Nothing was changed.".strip()
            raise psycopg.Rollback(whole)
        if failed or why:
            self._outcome, self._reason = "rolled back", f"{why or failed} Nothing was changed."
            self._report.take_back()
            raise psycopg.Rollback(whole)
        self._outcome = "done"
        self._save()

    def _pieces(self) -> Pieces[T]:
        send = self._source.open()
        return Pieces(self._connection, self._context, send, self._count, first_line=self._source.first_line)

    def _count(self, settled: Settled[T]) -> None:
        self._report.done(**settled.counts)
        for refused in settled.refused:
            self._report.add(self._source.item(refused.item), refused.why)

    def _show(self) -> None:
        said = [f"{number:,} {words(name)}" for name, number in self._report.counts.items()]
        failed = [f"{self._report.failed:,} failed"] if self._report.failed else []
        tried = "Only tried: " if self._data.dry_run else ""
        self._context.progress(self._looked_at(), self._source.total, tried + (", ".join(said + failed) or "at work"))

    def _looked_at(self) -> int:
        return min(self._source.total, self._report.counts.total() + self._report.failed)

    def _save(self) -> None:
        if self._ledger:
            facts = {
                "total": self._source.total,
                "place": self._place,
                "outcome": self._outcome,
                "reason": self._reason,
            }
            self._ledger.save({**facts, "report": self._report.state()})
