"""Which calls were made, written down as they are, so that an attempt after a crash makes no settled one again."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from jobsapp.processors.sdk import Context, Permanent

SECONDS = 2.0


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


class Journal:
    """Of one attempt. `settled`: the calls of the attempts before; `begun`: those that had begun but not ended.

    It does not keep to the size that a checkpoint names: each line stands for itself, and the last ones before a crash
    are those that matter. They are in the files of the attempts before even if their process was killed.
    """

    def __init__(self, context: Context, *, marks: bool) -> None:
        """`marks`: also write down that a call begins."""
        self._context, self._marks = context, marks
        folder, attempt = context.keepdir, context.attempt
        self.settled: dict[int, Call] = {}
        self.begun: set[int] = set()
        for path in sorted(folder.glob("*.calls")) + sorted(folder.glob("*.begun")):
            if int(path.name.split(".")[0]) < attempt:
                self._recall(path)
        self.begun -= self.settled.keys()
        self._check_complete()
        self.path = folder / f"{attempt}.calls"
        self._ends = self.path.open("wb", buffering=0)
        self._starts = (folder / f"{attempt}.begun").open("wb", buffering=0)
        self._saved = time.monotonic()
        self._number = 0
        for call in self.settled.values():
            self.end(call)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.close()
        self._starts.close()

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

    def _recall(self, path: Path) -> None:
        for line in path.read_bytes().split(b"\n"):
            # The last line may be half a line.
            if path.suffix == ".begun" and line.isdigit():
                self.begun.add(int(line))
            elif path.suffix == ".calls" and line.endswith(b"}"):
                call = msgspec.json.decode(line, type=Call)
                self.settled[call.item] = call

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
