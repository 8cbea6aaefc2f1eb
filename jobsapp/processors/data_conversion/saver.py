"""A thread that puts files on disk and then has them remembered, so that the conversion never waits for the disk."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jobsapp.processors.sdk import Context


class Saver:
    """Takes checkpoints; of those that come while one is being saved only the last is.

    `folder` holds the files, `before` are the names of those that the present checkpoint needs. Those that the last
    two checkpoints have no use for are removed, but never those of a later attempt: this one may have been given up
    without knowing.
    """

    def __init__(self, context: Context, folder: Path, before: Iterable[str]) -> None:
        self._context, self._folder = context, folder
        self._condition = threading.Condition()
        self._next: dict[str, Any] | None = None
        self._before = set(before)
        self._busy = self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def is_idle(self) -> bool:
        with self._condition:
            return not self._busy and self._next is None

    def give(self, checkpoint: dict[str, Any]) -> None:
        """Save this as soon as the disk allows. Empty: remember that there is nothing."""
        with self._condition:
            self._next = checkpoint
            self._condition.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="saver", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Wait for what is being saved; what is only waiting is dropped."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (checkpoint := self._take()) is not None:
            try:
                self._save(checkpoint)
            except FileNotFoundError:
                pass  # The file is whole and has moved on, or all was swept: there is nothing to remember.
            except OSError as error:
                # Once is enough: it stays busy, and nothing more is saved.
                self._context.log(f"A checkpoint could not be saved: {error.strerror or error}.", "warning")
                return
            with self._condition:
                self._busy = False

    def _take(self) -> dict[str, Any] | None:
        with self._condition:
            while self._next is None and not self._closed:
                self._condition.wait()
            if self._closed:
                return None
            checkpoint, self._next, self._busy = self._next, None, True
            return checkpoint

    def _save(self, checkpoint: dict[str, Any]) -> None:
        names = {name for name, _ in checkpoint.get("files", {}).values()}
        for path in [*(self._folder / name for name in names), self._folder]:
            _to_disk(path)
        self._context.checkpoint(checkpoint)
        self._tidy(names)
        self._before = names

    def _tidy(self, names: set[str]) -> None:
        mine = self._context.attempt
        first = min((_order(name) for name in names if _order(name)[0] == mine), default=(mine, 0))
        for path in self._folder.iterdir():
            if path.name not in names | self._before and _order(path.name) < first:
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()


def _order(name: str) -> tuple[int, int]:
    """Attempt and number, by which a file's name begins."""
    attempt, number, _ = name.split(".", 2)
    return int(attempt), int(number)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
