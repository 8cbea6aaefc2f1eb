"""Rows of a file into a table: batch by batch with commits, or all in one transaction."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import psycopg

from jobsapp.config import Settings
from jobsapp.processors.sdk import Context

from .catalog import Connection, connect, open_table
from .ledger import Ledger
from .loading import Merged, Plan, Row, Straight, make_plan
from .model import BulkInput
from .pieces import FULL, Pieces, Settled
from .report import Report, Stop
from .rows import Item, Place, Rows

SAMPLE = 5
TRIES = 4
AT_ONCE = "SET CONSTRAINTS ALL IMMEDIATE"


def run_import(data: BulkInput, context: Context, settings: Settings) -> dict[str, Any]:
    """Load the file and say what came of it."""
    source = context.file(data.source_id)
    with connect(settings, f"jobsapp {context.job_id}") as connection:
        table = open_table(connection, settings, data.table)
        rows = Rows(source.path, data)
        first = next((item for item in rows.read() if not item.broken), None)
        plan = make_plan(table, rows, data, first)
        total = rows.count(context)
        return Import(data, context, connection, plan, rows, total).run()


class Import:
    """One attempt. A dry run writes all rows in one transaction and takes it back."""

    def __init__(
        self, data: BulkInput, context: Context, connection: Connection, plan: Plan, rows: Rows, total: int
    ) -> None:
        self._data, self._context, self._connection = data, context, connection
        self._plan, self._rows, self._total = plan, rows, total
        self._ledger = None if data.dry_run else Ledger(connection, context)
        found = self._ledger.found if self._ledger else None
        self._place = Place(**found["place"]) if found else Place()
        self._outcome: str = found["outcome"] if found else ""
        self._reason: str = found["reason"] if found else ""
        self._report = Report(context, data, found["report"] if found else None)
        self._sample: list[dict[str, Any]] = []
        if found:
            context.log(f"Resumed at row {self._looked_at():,} of {total:,}.")

    def run(self) -> dict[str, Any]:
        began = time.monotonic()
        with self._report:
            if not self._outcome:
                (self._all_in_one if self._data.atomic or self._data.dry_run else self._batch_by_batch)()
            self._report.keep()
        self._show()
        return {
            "outcome": self._outcome,
            **({"reason": self._reason} if self._reason else {}),
            "rows": self._total,
            **self._report.result(),
            "table": self._plan.table.name,
            "columns": [{"column": column, "from": name} for column, name in self._plan.sources.items()],
            **({"sample": self._sample} if self._data.dry_run else {}),
            "seconds": round(time.monotonic() - began, 3),
        }

    def _batch_by_batch(self) -> None:
        send = self._sender()
        for batch in self._batches():
            self._retried(lambda batch=batch: self._committed(send, batch))  # type: ignore[misc]
            if self._outcome:
                return
        self._outcome = "done"
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
                time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311

    def _committed(self, send: Pieces[Row], batch: list[Item]) -> None:
        with self._connection.transaction():
            # A rule that is checked at the commit would take the whole batch with it, and name no row.
            self._connection.execute(AT_ONCE)
            try:
                send.settle([self._plan.prepare(item) for item in batch])
            except Stop as stop:
                self._outcome, self._reason = "stopped", f"{stop} The rows after that were not tried."
            last = batch[-1]
            self._place = Place(last.position, last.lines, last.number)
            self._save()
        self._show()

    def _all_in_one(self) -> None:
        with self._connection.transaction() as whole:
            send = self._sender()
            try:
                for batch in self._batches():
                    if not self._data.atomic:
                        self._connection.execute(AT_ONCE)
                    send.settle([self._plan.prepare(item) for item in batch])
                    self._place = Place(batch[-1].position, batch[-1].lines, batch[-1].number)
                    self._show()
                self._connection.execute(AT_ONCE)
            except Stop as stop:
                self._reason = f"{stop} The rows after that were not tried."
            self._decide(whole)

    def _decide(self, whole: psycopg.Transaction) -> None:
        """Commit, or take it all back."""
        if self._data.dry_run:
            self._outcome = "tried"
            self._reason = f"{self._reason} Nothing was changed.".strip()
            raise psycopg.Rollback(whole)
        if self._report.failed:
            self._outcome = "rolled back"
            self._reason = f"{self._reason or f'{self._report.failed:,} rows failed.'} Nothing was changed."
            self._report.take_back()
            raise psycopg.Rollback(whole)
        self._outcome = "done"
        self._save()

    def _sender(self) -> Pieces[Row]:
        if self._data.mode == "insert":
            send = Straight(self._connection, self._plan).send
        else:
            send = Merged(self._connection, self._plan, self._data.mode).send
        return Pieces(self._connection, self._context, send, self._count)

    def _count(self, settled: Settled[Row]) -> None:
        self._report.done(**settled.counts)
        for refused in settled.refused:
            self._report.add(refused.item.item, refused.why)

    def _batches(self) -> Iterator[list[Item]]:
        items = self._rows.read(self._place)
        while batch := list(islice(items, FULL)):
            self._sample += [self._shown(item) for item in batch[: SAMPLE - len(self._sample)] if not item.broken]
            yield batch

    def _shown(self, item: Item) -> dict[str, Any]:
        prepared = self._plan.prepare(item)
        return {"line": item.line, **dict(zip(self._plan.columns, getattr(prepared, "values", ()), strict=False))}

    def _show(self) -> None:
        said = [f"{number:,} {words(name)}" for name, number in self._report.counts.items()]
        failed = [f"{self._report.failed:,} failed"] if self._report.failed else []
        self._context.progress(self._looked_at(), self._total, ", ".join(said + failed) or "Loading")

    def _looked_at(self) -> int:
        return min(self._total, self._report.counts.total() + self._report.failed)

    def _save(self) -> None:
        if self._ledger:
            place = {"position": self._place.position, "lines": self._place.lines, "items": self._place.items}
            self._ledger.save(
                {"place": place, "outcome": self._outcome, "reason": self._reason, "report": self._report.state()}
            )


def words(name: str) -> str:
    """alreadyThere → already there"""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
