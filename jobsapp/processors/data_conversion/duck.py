"""DuckDB in a sandbox: one statement in a thread, progress and cancelling from the job's own thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jobsapp.processors.sdk import Context

from .progress import Stage

POLL_SECONDS = 0.05
MEMORY_LIMIT = "416MB"
BATCH_ROWS = 2_000

Rows = list[tuple[Any, ...]]

SETTINGS = (
    "TimeZone = 'UTC'",
    "enable_progress_bar = true",
    "enable_progress_bar_print = false",
    "enable_external_access = false",
    "lock_configuration = true",
)


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """An SQL identifier."""
    return '"' + text.replace('"', '""') + '"'


def _list(paths: Iterable[Path]) -> str:
    return "[" + ", ".join(literal(str(path)) for path in paths) + "]"


class Duck:
    """A connection that may touch the job's folders and `paths`, and nothing else.

    Memory is bounded by `MEMORY_LIMIT`; what does not fit spills into the work folder.
    """

    def __init__(self, context: Context, *paths: Path) -> None:
        import duckdb

        self._error: type[Exception] = duckdb.Error
        self._con = duckdb.connect(
            config={
                "memory_limit": MEMORY_LIMIT,
                "threads": max(1, context.threads),
                "temp_directory": str(context.workdir / "spill"),
                "autoload_known_extensions": False,
                "autoinstall_known_extensions": False,
            }
        )
        self._con.execute(f"SET allowed_directories = {_list([context.workdir, context.keepdir])}")
        self._con.execute(f"SET allowed_paths = {_list(paths)}")
        for setting in SETTINGS:
            self._con.execute(f"SET {setting}")

    def __enter__(self) -> Duck:
        return self

    def __exit__(self, *_: object) -> None:
        self._con.close()

    def run(
        self, sql: str, stage: Stage, message: str, meanwhile: Callable[[], object] = lambda: None
    ) -> list[tuple[Any, ...]]:
        """Run one statement and give its rows. Raises `Cancelled`, or DuckDB's own error.

        `meanwhile` is called each time that progress is told.
        """
        rows: list[tuple[Any, ...]] = []
        self._each(sql, rows.extend, stage, message, meanwhile)
        return rows

    def _each(
        self, sql: str, take: Callable[[Rows], object], stage: Stage, message: str, meanwhile: Callable[[], object]
    ) -> None:
        """Run one statement and hand its rows to `take`, a batch at a time, in the statement's thread."""
        work = _Work(self._con, sql, take)
        work.start()
        try:
            while not work.done.wait(POLL_SECONDS):
                stage.at(max(self._con.query_progress(), 0.0) / 100, message)
                meanwhile()
        except BaseException:
            # Again and again: an interrupt that comes before the statement has begun is lost.
            while not work.done.wait(0.05):
                self._con.interrupt()
            raise
        finally:
            work.join()
        if work.error is not None:
            raise work.error
        stage.at(1.0)

    @property
    def error(self) -> type[Exception]:
        """The base of DuckDB's errors."""
        return self._error


class _Work(threading.Thread):
    def __init__(self, con: Any, sql: str, take: Callable[[Rows], object]) -> None:
        super().__init__(name="duckdb", daemon=True)
        self._con, self._sql, self._take = con, sql, take
        self.done = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            result = self._con.execute(self._sql)
            while rows := result.fetchmany(BATCH_ROWS):
                self._take(rows)
        except BaseException as error:
            self.error = error
        finally:
            self.done.set()
