"""Workers of a test: they take turns as a work-horse does, without its process and its processors."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.store.connect import connect
from jobsapp.store.jobs import ClaimedJob
from jobsapp.store.limits import claim_within_limits
from jobsapp.store.turns import FIRST, Ended, take_turn

DONE = Transition(Status.COMPLETED, "completed")


@dataclass
class Hand:
    """`last`: the organisation that had the last turn here. `claimed`: all that it ever claimed, in order."""

    connection: Connection[Any]
    name: str
    queue: str = "echo"
    last: UUID = FIRST
    claimed: list[ClaimedJob] = field(default_factory=list)

    def claim(self, limit: int = 1, ended: Sequence[ClaimedJob] = ()) -> list[ClaimedJob]:
        """Say that these jobs are done, and claim the next."""
        turn = take_turn(
            self.connection,
            [Ended(job.id, job.attempt, DONE) for job in ended],
            queue=self.queue,
            worker=self.name,
            lease_seconds=60,
            limit=limit,
            after=self.last,
        )
        if turn.limited:
            turn = claim_within_limits(
                self.connection, self.queue, worker=self.name, lease_seconds=60, limit=limit, after=self.last
            )
        self.last = turn.last if turn.claimed else self.last
        self.claimed += turn.claimed
        return turn.claimed

    def organizations(self, limit: int = 1) -> Counter[UUID]:
        """Whose jobs the next claim gets, and how many of each."""
        return Counter(job.organization_id for job in self.claim(limit))

    def drain(self, limit: int = 1) -> list[ClaimedJob]:
        """Claim and end jobs until there are none. Returns them in their order."""
        jobs = found = self.claim(limit)
        while found:
            found = self.claim(limit, found)
            jobs = jobs + found
        return jobs


@contextmanager
def hands(url: str, number: int, *queues: str) -> Iterator[list[Hand]]:
    """So many of them, each with a connection of its own; the queues are dealt out."""
    connections = [connect(url, f"hand {n}") for n in range(number)]
    try:
        names = queues or ("echo",)
        yield [Hand(one, f"hand {n}", names[n % len(names)]) for n, one in enumerate(connections)]
    finally:
        for one in connections:
            one.close()


def at_once(actions: Sequence[Callable[[], object]], *, seconds: float = 60) -> None:
    """Run each in a thread of its own, all from the same moment on. Raises what the first of them raised."""
    start, errors = threading.Barrier(len(actions)), list[BaseException]()

    def run(action: Callable[[], object]) -> None:
        try:
            start.wait(seconds)
            action()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=[action], daemon=True) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads), "some of them never came back"
