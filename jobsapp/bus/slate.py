"""What a work-horse runs, in memory that its worker reads: the worker knows it when the horse can say nothing more.

A library that holds the interpreter stops every thread of the horse; its worker is another process and goes on.
"""

from __future__ import annotations

import math
import mmap
import struct
import time
from typing import NamedTuple
from uuid import UUID

# Is a job running, its id, attempt, timeout, deadline, grace, told to stop at; then: the pulse looked at.
RECORD = struct.Struct("=?16siddddd")
ATTEMPT = struct.Struct("=?16sidddd")
MOMENT = struct.Struct("=d")
DEADLINE_AT = struct.calcsize("=?16sid")
TOLD_AT = struct.calcsize("=?16siddd")
LOOKED_AT = ATTEMPT.size


class Running(NamedTuple):
    """The attempt that runs. Moments by `time.monotonic()`, which all processes of a host share.

    `timeout` in seconds and its `deadline`: infinite if there is none. `grace`: seconds from the deadline, or from
    `told_at` (0: not told), until the process is killed. `looked_at`: when the pulse of the horse lived last.
    """

    job_id: UUID
    attempt: int
    timeout: float
    deadline: float
    grace: float
    told_at: float
    looked_at: float

    @property
    def kill_at(self) -> float:
        """When its process has to be killed; infinite if nobody wants it to stop."""
        told_at = self.told_at or math.inf
        return min(self.deadline, told_at) + self.grace


class Slate:
    """Make it before the fork. The horse's main thread writes begin, in_time and end, its pulse told and looked."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, RECORD.size)

    def begin(self, job_id: UUID, attempt: int, *, timeout: float | None, deadline: float | None, grace: float) -> None:
        seconds, end = (math.inf, math.inf) if timeout is None or deadline is None else (timeout, deadline)
        ATTEMPT.pack_into(self._memory, 0, True, job_id.bytes, attempt, seconds, end, grace, 0.0)

    def in_time(self) -> None:
        """The attempt has its result: no deadline any more."""
        MOMENT.pack_into(self._memory, DEADLINE_AT, math.inf)

    def end(self) -> None:
        self._memory[0] = 0

    def told(self) -> None:
        """The attempt was told to stop."""
        MOMENT.pack_into(self._memory, TOLD_AT, time.monotonic())

    def looked(self, at: float) -> None:
        MOMENT.pack_into(self._memory, LOOKED_AT, at)

    def read(self) -> Running | None:
        """The attempt that runs, or ran when the horse died. None: none does."""
        before = b""
        while before != (now := self._memory[:]):
            before = now
        runs, job_id, *facts = RECORD.unpack(now)
        return Running(UUID(bytes=job_id), *facts) if runs else None
