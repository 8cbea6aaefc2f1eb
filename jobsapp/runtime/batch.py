"""Jobs that were claimed together: which one runs, which wait, and what came of those that are done."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.store.jobs import ClaimedJob
from jobsapp.store.turns import Ended

TARGET_SECONDS = 0.1
CEILING = 256
# Behind a job that was expected to be short nothing waits for longer: then it is not known any more whether a job is
# still ours, or was cancelled. The pulse hands it back long before, unless a library holds the interpreter.
FRESH_SECONDS = 1.0


class Pace:
    """How many jobs to claim at once: one at first, then as many as take about `TARGET_SECONDS` together."""

    def __init__(self) -> None:
        self.size = 1

    def took(self, jobs: int, seconds: float) -> None:
        """The last `jobs` took so long together."""
        each = seconds / max(jobs, 1)
        if each * self.size * 2 <= TARGET_SECONDS:
            self.size = min(self.size * 2, CEILING)
        while self.size > 1 and each * self.size > TARGET_SECONDS:
            self.size //= 2


class Batch:
    """Shared by the work-horse's thread and the pulse's, which may take away what waits behind a long job."""

    def __init__(self, *, lease_seconds: float = 15.0) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[ClaimedJob] = deque()
        self._ended: list[Ended] = []
        self._lease = lease_seconds
        self._since = self._old_at = 0.0

    def fill(self, jobs: Sequence[ClaimedJob], *, asked_at: float) -> None:
        """`asked_at`: when their claim was sent, by `time.monotonic()`; their lease began later."""
        with self._lock:
            self._waiting.extend(jobs)
            self._old_at = min(time.monotonic() + FRESH_SECONDS, asked_at + self._lease / 2)

    def next(self) -> ClaimedJob | None:
        """The job to run now; None: no more of them. Those that waited too long are handed back instead, fenced."""
        with self._lock:
            self._since = time.monotonic()
            if not self._waiting:
                return None
            if self._since < self._old_at:
                return self._waiting.popleft()
            self._ended.extend(map(handed_back, self._waiting))
            self._waiting.clear()
            return None

    def add(self, *ended: Ended) -> None:
        with self._lock:
            self._ended.extend(ended)

    def take_ended(self) -> list[Ended]:
        """What came of jobs and is not written yet. Who takes it writes it, or adds it again."""
        with self._lock:
            ended, self._ended = self._ended, []
            return ended

    def take_waiting(self) -> list[ClaimedJob]:
        """The jobs that have not started. Who takes them hands them back."""
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
            return waiting

    def waits_longer_than(self, seconds: float) -> bool:
        """Does something wait, or is something not written, behind a job that has run for so long?"""
        with self._lock:
            return bool(self._waiting or self._ended) and time.monotonic() - self._since > seconds


def handed_back(job: ClaimedJob) -> Ended:
    """A job that was claimed and never started goes back to its place in the queue; that counts for nothing."""
    return Ended(job.id, job.attempt, Transition(Status.PENDING, "handed-back", grants_attempt=True), began=False)
