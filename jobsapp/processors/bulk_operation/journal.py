"""Which calls were made, written down as they are, so that an attempt after a crash makes no settled one again."""

from __future__ import annotations

import os
import time
from array import array
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from jobsapp.processors.sdk import Context, Permanent

SECONDS = 2.0
LOOK_EVERY = 1_000


class Call(msgspec.Struct, omit_defaults=True):
    """The end of one call; a line of `responses.jsonl`. `code` and `message` only if it failed."""

    item: int
    line: int
    status: int
    ms: float
    tries: int
    code: str = ""
    message: str = ""
    key: str | None = None
    body: str = ""


class _Item(msgspec.Struct):
    """All that is needed of a call to find it again."""

    item: int


class Settled:
    """Calls in a file, found by the number of their item: eight bytes of memory for each, whatever was answered."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._places = array("q")
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, item: int) -> bool:
        return item < len(self._places) and self._places[item] >= 0

    def get(self, item: int) -> Call | None:
        """The call, or None if it is not settled."""
        if item not in self:
            return None
        self._file.seek(self._places[item])
        return msgspec.json.decode(self._file.readline(), type=Call)

    def put(self, item: int, place: int) -> None:
        """It stands at so many bytes of the file."""
        if item >= len(self._places):
            self._places.extend([-1] * (item + 1 - len(self._places)))
        self._count += self._places[item] < 0
        self._places[item] = place

    def close(self) -> None:
        self._file.close()


class Journal:
    """Of one attempt. `settled`: the calls of the attempts before; `begun`: those that had begun but not ended.

    Use it in a `with` block. It does not keep to the size that a checkpoint names: each line stands for itself, and the
    last ones before a crash are those that matter. They are in the files of the attempts before even if their process
    was killed.
    """

    def __init__(self, context: Context, *, marks: bool) -> None:
        """`marks`: also write down that a call begins."""
        self._context, self._marks = context, marks
        folder, attempt = context.keepdir, context.attempt
        self.path = folder / f"{attempt}.calls"
        self._ends = self.path.open("wb", buffering=0)
        self._starts = (folder / f"{attempt}.begun").open("wb", buffering=0)
        self.settled = Settled(self.path)
        self.begun: set[int] = set()
        self._saved = time.monotonic()
        self._number = 0

    def __enter__(self) -> Self:
        try:
            self._recall()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def begin(self, number: int) -> None:
        if self._marks:
            self._starts.write(b"%d\n" % number)

    def end(self, call: Call) -> None:
        self._ends.write(msgspec.json.encode(call) + b"\n")
        self._number += 1

    def save(self) -> None:
        """Now and then: have it on disk, and remember how many there are."""
        if time.monotonic() - self._saved >= SECONDS:
            os.fsync(self._ends.fileno())
            os.fsync(self._starts.fileno())
            self._context.checkpoint({"calls": self._number})
            self._saved = time.monotonic()

    def _close(self) -> None:
        self._ends.close()
        self._starts.close()
        self.settled.close()

    def _recall(self) -> None:
        folder, attempt = self._context.keepdir, self._context.attempt
        before = [number for number in range(1, attempt) if (folder / f"{number}.calls").exists()]
        for number in before:
            self._recall_ends(folder / f"{number}.calls")
        for number in before:
            self._recall_starts(folder / f"{number}.begun")
        self._number = len(self.settled)
        self._check_complete()

    def _recall_ends(self, path: Path) -> None:
        """Copy what is settled to this attempt's file."""
        place = self._ends.tell()
        with path.open("rb") as file:
            for number, line in enumerate(file):
                if number % LOOK_EVERY == 0:
                    self._context.check_cancelled()
                # The last one may be half a line.
                if line.endswith(b"}\n") and (item := msgspec.json.decode(line, type=_Item).item) not in self.settled:
                    self.settled.put(item, place)
                    place += self._ends.write(line)

    def _recall_starts(self, path: Path) -> None:
        if path.exists():
            with path.open("rb") as file:
                self.begun |= {int(line) for line in file if line[:-1].isdigit() and int(line) not in self.settled}

    def _check_complete(self) -> None:
        last = self._context.last_checkpoint
        known = int(last.get("calls", 0)) if isinstance(last, dict) else 0
        if known <= len(self.settled):
            return
        if self._marks:
            raise Permanent(
                f"An earlier attempt made {known:,} calls, but what came of them is not on this machine, and without "
                "a key they cannot be repeated safely. Start a new job with the rows that are left."
            )
        self._context.log(
            f"An earlier attempt made {known:,} calls, of which {known - len(self.settled):,} are not known on this "
            "machine. They are made again, with the same keys.",
            "warning",
        )
