"""How many attempts a worker's work-horses have ended, in memory that its parent reads."""

from __future__ import annotations

import mmap
import struct

RECORD = struct.Struct("=QQ")


class Counts:
    """Make it before the fork. Only the present work-horse writes."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, RECORD.size)

    def add(self, *, done: bool) -> None:
        well, badly = self.read()
        RECORD.pack_into(self._memory, 0, well + done, badly + (not done))

    def read(self) -> tuple[int, int]:
        """Attempts that completed their job, and those that failed."""
        well, badly = RECORD.unpack(self._memory[:])
        return well, badly
