"""Rows of a file into a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from jobsapp.config import Settings
from jobsapp.processors.sdk import Context

from .catalog import Connection, connect, open_table
from .engine import Batch, Engine
from .loading import Merged, Plan, Row, Straight, make_plan
from .model import BulkInput
from .pieces import Settled
from .rows import Item, Place, Rows

SAMPLE = 5


def run_import(data: BulkInput, context: Context, settings: Settings) -> dict[str, Any]:
    """Load the file and say what came of it."""
    source = context.file(data.source_id)
    with connect(settings, f"jobsapp {context.job_id}") as connection:
        table = open_table(connection, settings, data.table)
        rows = Rows(source.path, data)
        plan = make_plan(table, rows, data)
        loads = Loads(connection, plan, rows, data.mode, rows.count(context))
        result = Engine(data, context, connection, loads).run()
    columns = [{"column": column, "from": name} for column, name in plan.sources.items()]
    return result | {"table": table.name, "columns": columns} | ({"sample": loads.sample} if data.dry_run else {})


class Loads:
    """The rows of a file, on their way to a table. `sample`: the first of them, as they go there."""

    first_line = 1

    def __init__(self, connection: Connection, plan: Plan, rows: Rows, mode: str, total: int) -> None:
        self._connection, self._plan, self._rows, self._mode = connection, plan, rows, mode
        self.total = total
        self.sample: list[dict[str, Any]] = []

    def batches(self, place: dict[str, Any] | None, size: int) -> Iterator[Batch[Row]]:
        items = self._rows.read(Place(**place) if place else None)
        while batch := list(islice(items, size)):
            entries = [self._plan.prepare(item) for item in batch]
            for entry in entries[: max(0, SAMPLE - len(self.sample))]:
                if isinstance(entry, Row):
                    self.sample.append(
                        {"line": entry.item.line} | dict(zip(self._plan.columns, entry.values, strict=True))
                    )
            last = batch[-1]
            yield Batch(entries, asdict(Place(last.position, last.lines, last.number)))

    def open(self) -> Callable[[Sequence[Row]], Settled[Row]]:
        if self._mode == "insert":
            return Straight(self._connection, self._plan).send
        return Merged(self._connection, self._plan, self._mode).send

    def item(self, entry: Row) -> Item:
        return entry.item
