"""Bookkeeping of jobs under faults: what was sent, what the jobs themselves wrote down, what the database says.

A job appends a line to a file when it begins and another when it has come to its end. That file knows nothing of
leases, statuses and retries, so it can bear witness against the database.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

START, END = "start", "end"


class Note(NamedTuple):
    """A line of the book. `at`: CLOCK_MONOTONIC, which all processes of a machine share and no fault moves."""

    event: str
    key: str
    attempt: int
    pid: int
    at: float


class Row(NamedTuple):
    """What the database says of a job. `accepted`: the attempt that its result names."""

    key: str
    status: str
    attempts: int
    accepted: int | None


def note(book: str | Path, event: str, key: str, attempt: int) -> None:
    """Append a line in one write, so that lines of different processes never mix."""
    line = f"{event} {key} {attempt} {os.getpid()} {time.monotonic():.6f}\n"
    file = os.open(book, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def read(book: Path) -> list[Note]:
    parts = (line.split() for line in book.read_text().splitlines())
    return [Note(event, key, int(attempt), int(pid), float(at)) for event, key, attempt, pid, at in parts]


@dataclass
class Run:
    """One attempt of one job, as the job saw it. `ended` None: it never came to its end."""

    key: str
    attempt: int
    pid: int
    started: float
    ended: float | None = None


def runs(notes: Iterable[Note]) -> dict[str, list[Run]]:
    """The runs of each job in the order in which they began."""
    found: dict[str, list[Run]] = defaultdict(list)
    for one in sorted(notes, key=lambda one: one.at):
        if one.event == START:
            found[one.key].append(Run(one.key, one.attempt, one.pid, one.at))
            continue
        own = [run for run in found[one.key] if (run.attempt, run.pid) == (one.attempt, one.pid)]
        assert own, f"an end without a start: {one}"
        own[-1].ended = one.at
    return found


@dataclass
class Balance:
    """The books, closed. Each list names jobs by their key."""

    sent: int
    completed: int = 0
    failed: int = 0
    lost: list[str] = field(default_factory=list)
    """Sent, and not in the final state that it should have, or `completed` without having come to its end."""
    doubled: list[str] = field(default_factory=list)
    """Two of its attempts came to the end."""
    fenced: list[str] = field(default_factory=list)
    """Of those the ones whose result is that of one of these attempts."""
    together: list[str] = field(default_factory=list)
    """An attempt began while another one, which came to its end later, was running."""
    unknown: list[str] = field(default_factory=list)
    """In the database, or in the book, and never sent."""
    miscounted: list[str] = field(default_factory=list)
    """Where the counters of jobs say something else than a recount."""

    @property
    def balanced(self) -> bool:
        """Nothing lost, unknown or miscounted, and each job that ran twice has the result of one run."""
        wrong = [*self.lost, *self.unknown, *self.miscounted]
        return not wrong and sorted(self.doubled) == sorted(self.fenced)

    def __str__(self) -> str:
        return (
            f"sent {self.sent}, completed {self.completed}, failed {self.failed}, lost {len(self.lost)}, "
            f"run twice {len(self.doubled)} (fenced {len(self.fenced)}), at the same time {len(self.together)}, "
            f"miscounted {len(self.miscounted)}"
        )


def reconcile(sent: Mapping[str, str], rows: Iterable[Row], notes: Iterable[Note]) -> Balance:
    """Close the books. `sent`: the final status that each job must reach."""
    balance = Balance(len(sent))
    by_key: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_key[row.key].append(row)
    ran = runs(notes)
    balance.unknown = [key for key in by_key.keys() | ran.keys() if key not in sent or len(by_key[key]) > 1]
    for key, status in sent.items():
        row = by_key[key][0] if by_key[key] else None
        balance.completed += row is not None and row.status == "completed"
        balance.failed += row is not None and row.status == "failed"
        _judge(balance, key, status, row, ran.get(key, []))
    return balance


def _judge(balance: Balance, key: str, status: str, row: Row | None, ran: list[Run]) -> None:
    ended = {run.attempt for run in ran if run.ended is not None}
    proven = status != "completed" or (row is not None and row.accepted in ended)
    if row is None or row.status != status or not proven:
        balance.lost.append(key)
    if sum(run.ended is not None for run in ran) > 1:
        balance.doubled.append(key)
        if row is not None and row.accepted in ended and len({run.attempt for run in ran}) == len(ran):
            balance.fenced.append(key)
    if any(before.ended is not None and before.ended > run.started for before, run in pairwise(ran)):
        balance.together.append(key)


@dataclass(frozen=True)
class Recovery:
    """Seconds. `cut_off`: attempts that the fault ended; `again`: the longest until one of their jobs began again,
    None if it ended none; `next`: until any job began once the fault was over."""

    cut_off: int
    again: float | None
    next: float | None

    @property
    def longest(self) -> float:
        return max(self.again or 0.0, self.next or 0.0)

    def __str__(self) -> str:
        if self.again is not None:
            return f"{self.cut_off} cut off, running again within {self.again:.2f} s"
        return "no job began after it" if self.next is None else f"the next job began after {self.next:.2f} s"


def recovery(
    notes: Iterable[Note], fault_at: float, over_at: float | None = None, *, victims: Collection[int] = ()
) -> Recovery:
    """How long it took to go on after a fault at `fault_at` that was over at `over_at` (None: at once).

    `victims`: processes that it killed or froze; their unfinished jobs count from the fault.
    """
    over_at = fault_at if over_at is None else over_at
    notes = list(notes)
    waits = [
        following.started - fault_at
        for ran in runs(notes).values()
        for run, following in pairwise(ran)
        if run.pid in victims and run.started <= fault_at and (run.ended is None or run.ended > fault_at)
    ]
    starts = [one.at - over_at for one in notes if one.event == START and one.at > over_at]
    return Recovery(len(waits), max(waits, default=None), min(starts, default=None))
