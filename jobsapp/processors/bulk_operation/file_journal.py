"""What became of which file, written down at once, so that an attempt after a crash neither forgets nor repeats it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from jobsapp.processors.sdk import Context


class Done(msgspec.Struct, omit_defaults=True):
    """The end of one item. `what`: the count it belongs to, empty if it failed, with `code` and `message`."""

    item: int
    what: str = ""
    size: int = 0
    sha256: str = ""
    code: str = ""
    message: str = ""


class Mark(msgspec.Struct):
    """Written before a file gets its name in the target, or goes: `new` is what will be there, `old` what was here.

    Each as inode, size in bytes and time of the last change in nanoseconds.
    """

    item: int
    old: tuple[int, int, int]
    new: tuple[int, int, int]
    sha256: str


def facts(found: os.stat_result) -> tuple[int, int, int]:
    """What a `Mark` keeps of a file."""
    return found.st_ino, found.st_size, found.st_mtime_ns


class FileJournal:
    """Of one attempt. Items are settled one after the other, so those of the attempts before are a beginning.

    Use it in a `with` block. Lines are unbuffered: they are there although the process is killed.
    """

    def __init__(self, context: Context) -> None:
        self._folder, self._attempt = context.keepdir, context.attempt
        self.last = 0
        """The number in the list of the last item that an attempt before has settled."""
        for done in self.earlier():
            self.last = done.item
        self._marks: dict[int, Mark] = {}
        for path in self._before("marks"):
            for line in _whole_lines(path):
                mark = msgspec.json.decode(line, type=Mark)
                if mark.item > self.last:
                    self._marks[mark.item] = mark
        self._done = (self._folder / f"{self._attempt}.done").open("wb", buffering=0)
        self._begun = (self._folder / f"{self._attempt}.marks").open("wb", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.close()
        self._begun.close()

    def earlier(self) -> Iterator[Done]:
        """What the attempts before have settled, in the order of the list, each once."""
        last = 0
        for path in self._before("done"):
            for line in _whole_lines(path):
                done = msgspec.json.decode(line, type=Done)
                # An attempt that was given up may have gone on for a while.
                if done.item == last + 1:
                    last = done.item
                    yield done

    def mark_of(self, item: int) -> Mark | None:
        """What an attempt before had in hand."""
        return self._marks.get(item)

    def mark(self, mark: Mark) -> None:
        self._begun.write(msgspec.json.encode(mark) + b"\n")

    def end(self, done: Done) -> None:
        self._done.write(msgspec.json.encode(done) + b"\n")

    def sync(self) -> None:
        """Have it on disk: a file may outlive a machine, the books of it shall too."""
        os.fsync(self._done.fileno())
        os.fsync(self._begun.fileno())

    def _before(self, kind: str) -> Iterator[Path]:
        for attempt in range(1, self._attempt):
            path = self._folder / f"{attempt}.{kind}"
            if path.exists():
                yield path


def _whole_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line
