"""The moves that a job can make, each as a step by hand on one job, with what it may change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from jobsapp.core.ids import new_id
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.runtime.house import House
from jobsapp.runtime.settle import settle_lost_jobs
from jobsapp.store.dependencies import FAIL as FAIL_TOO
from jobsapp.store.dependencies import Edge, settle
from jobsapp.store.jobs import LogLine, Pulse, cancel_job, pulse_job, retry_job
from jobsapp.store.turns import Ended, claim_jobs, finish_job, take_turn
from tests.store.rows import Row, attempts, end_leases, jobs, log_counts, queued

Connection = psycopg.Connection[Any]
LATER = datetime.now(UTC) + timedelta(hours=5)
SAID = Pulse(3.0, 9.0, "third", changed=True, lines=(LogLine(LATER, "info", "said"),), checkpoint={"done": 3})
OOPS = Failure("ValueError", "oops")

COMPLETE = Transition(Status.COMPLETED, "completed", result={"fine": True})
FAIL = Transition(Status.FAILED, "failed", failure=OOPS)
AGAIN = Transition(Status.PENDING, "failed", failure=OOPS, run_at=LATER)
HAND_BACK = Transition(Status.PENDING, "handed-back", grants_attempt=True)
STOP = Transition(Status.CANCELLED, "cancelled")
ENDS = [COMPLETE, FAIL, AGAIN, HAND_BACK, STOP]


@dataclass(frozen=True)
class Bench:
    """One job that was claimed by the worker `w` once at most, and what it takes to move it."""

    connection: Connection
    house: House
    job_id: UUID

    def row(self) -> Row:
        return jobs(self.connection)[self.job_id]

    def everything(self) -> tuple[Row, dict[int, Row], int]:
        """All that is kept of the job, which waits in its queue exactly if it is pending."""
        history = attempts(self.connection).get(self.job_id, {})
        assert (self.job_id in queued(self.connection)) == (self.row()["status"] == Status.PENDING)
        return self.row(), history, log_counts(self.connection).get(self.job_id, 0)

    def claim(self) -> object:
        return claim_jobs(self.connection, "echo", worker="w", lease_seconds=600)

    def end(self, transition: Transition) -> object:
        """By the number that the row has, so that nothing but the state is in the way."""
        return finish_job(self.connection, self.job_id, self.row()["attempts"], transition)

    def end_having_said(self, transition: Transition) -> object:
        ended = Ended(self.job_id, self.row()["attempts"], transition, said=SAID, cpu_seconds=1.0, peak_bytes=1)
        return take_turn(self.connection, [ended]).finished

    def hand_back_unstarted(self) -> object:
        ended = Ended(self.job_id, self.row()["attempts"], HAND_BACK, began=False)
        return take_turn(self.connection, [ended]).finished

    def cancel(self) -> object:
        return cancel_job(self.connection, self.job_id, user_id=None, reason="enough")

    def retry(self) -> object:
        return retry_job(self.connection, self.job_id)

    def pulse(self) -> object:
        return pulse_job(self.connection, self.job_id, self.row()["attempts"], SAID, lease_seconds=600)

    def lose_parent(self) -> object:
        """A job that it depends on is gone, and it was to fail with it."""
        edge = Edge(self.job_id, new_id(), FAIL_TOO, "gone", "")
        self.connection.execute(
            "INSERT INTO job_dependencies (job_id, parent_id, on_failure) VALUES (%s, %s, %s)", edge[:3]
        )
        return settle(self.connection, [edge])

    def lose_worker(self) -> object:
        return settle_lost_jobs(self.connection, self.house, self.house.hints(), worker="w")

    def lose_lease(self) -> object:
        end_leases(self.connection)
        return settle_lost_jobs(self.connection, self.house, self.house.hints())


@dataclass(frozen=True)
class Move:
    """`columns`: those that it may change, beside the state, the revision, the time of change and the marks."""

    run: Callable[[Bench], object]
    origins: frozenset[Status]
    target: Status
    columns: frozenset[str] = frozenset()
    ends_attempt: bool = False


PROGRESS = frozenset({"progress_current", "progress_total", "progress_message"})
BASE = frozenset({"progress_base", "progress_base_at"})
USED = frozenset({"cpu_seconds", "peak_bytes"})
CANCEL = frozenset({"cancel_requested_at", "cancelled_by", "cancel_reason"})
SPOKEN = PROGRESS | {"checkpoint"}
REPEATED = SPOKEN | CANCEL | {"error"}
"""What a move may write although the row says it already."""


def end(transition: Transition, *columns: str) -> Move:
    origins = frozenset({Status.ACTIVE})
    return Move(lambda bench: bench.end(transition), origins, transition.status, frozenset(columns), True)


def move(run: Callable[[Bench], object], origins: set[Status], target: Status, columns: frozenset[str]) -> Move:
    return Move(run, frozenset(origins), target, columns)


ENDING = {Status.ACTIVE}
SETTLED = frozenset({"error", "run_at"})
MOVES = {
    "claim": move(Bench.claim, {Status.PENDING}, Status.ACTIVE, PROGRESS | BASE | {"attempts", "worker", "started_at"}),
    # Its progress goes to the end.
    "complete": end(COMPLETE, "result", "error", "progress_current"),
    "fail": end(FAIL, "error"),
    "again": end(AGAIN, "error", "run_at"),
    "hand back": end(HAND_BACK, "max_attempts"),
    "stop": end(STOP),
    "fail, having said": Move(
        lambda bench: bench.end_having_said(FAIL), frozenset(ENDING), Status.FAILED, SPOKEN | USED | {"error"}, True
    ),
    "hand back unstarted": move(Bench.hand_back_unstarted, ENDING, Status.PENDING, frozenset({"max_attempts"})),
    "cancel": move(Bench.cancel, {Status.PENDING}, Status.CANCELLED, CANCEL),
    "retry": move(
        Bench.retry, {Status.FAILED, Status.CANCELLED}, Status.PENDING, PROGRESS | CANCEL | {"run_at", "max_attempts"}
    ),
    "lose a parent": move(Bench.lose_parent, {Status.PENDING}, Status.FAILED, frozenset({"error"})),
    "lose the worker": Move(Bench.lose_worker, frozenset(ENDING), Status.PENDING, SETTLED, True),
    "lose the lease": Move(Bench.lose_lease, frozenset(ENDING), Status.PENDING, SETTLED, True),
}
