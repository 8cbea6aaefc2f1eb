"""The engine beside its model: what the two may do together, and what has to hold after each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from hypothesis.stateful import RuleBasedStateMachine, invariant

from jobsapp.bus.hints import Hints
from jobsapp.core.outcomes import decide
from jobsapp.core.states import TERMINAL, Status, may_become
from jobsapp.runtime.house import House
from jobsapp.runtime.settle import settle_lost_jobs
from jobsapp.store import tallies
from jobsapp.store.jobs import ClaimedJob, Pulse
from jobsapp.store.turns import FIRST, NOTHING, Ended, take_turn
from tests.store import recount, rows
from tests.store.model import WAYS, ModelJob, Owner, World, in_turns

Connection = psycopg.Connection[Any]

NAMES = ("ann", "bob")
MARGIN = timedelta(hours=1)
UNSET = datetime(1, 1, 1, tzinfo=UTC)


class Engine(RuleBasedStateMachine):
    """`held`: claims that a worker has not ended, among them those of jobs it lost; `gone`: those it has."""

    def __init__(
        self, connections: dict[str, Connection], organizations: list[UUID], house: House, hints: Hints
    ) -> None:
        super().__init__()
        self.connections, self.organizations, self.house, self.hints = connections, organizations, house, hints
        self.desk = connections["desk"]
        self.desk.execute("DELETE FROM jobs")
        self.desk.execute("DELETE FROM worker_leases")
        tallies.fold(self.desk)
        self.desk.execute("DELETE FROM job_history")
        self.desk.execute("DELETE FROM job_failures")
        self.last = dict.fromkeys(NAMES, FIRST)
        self.world = World(datetime.now(UTC))
        self.order: list[UUID] = []
        self.held: list[Owner] = []
        self.gone: list[Owner] = []
        self.seen: dict[UUID, rows.Row] = {}
        self.retried: set[UUID] = set()
        self.deleted: list[ModelJob] = []

    # What holds after each step

    @invariant()
    def the_database_is_as_the_model_says(self) -> None:
        found, ended, logs = rows.jobs(self.desk), rows.attempts(self.desk), rows.log_counts(self.desk)
        assert found.keys() == self.world.jobs.keys()
        for job_id, job in self.world.jobs.items():
            rows.assert_marks(found[job_id])
            assert facts(found[job_id]) == model_facts(job)
            history = {number: (one["outcome"], one["worker"]) for number, one in ended.get(job_id, {}).items()}
            assert history == job.history
            assert logs.get(job_id, 0) == job.log_lines

    @invariant()
    def exactly_what_is_pending_waits(self) -> None:
        found = rows.queued(self.desk)
        assert found.keys() == {job.id for job in self.world.of(Status.PENDING)}
        for job_id, row in found.items():
            job = self.world.jobs[job_id]
            assert (row["queue"], row["urgency"], row["organization_id"], row["run_at"], row["due"]) == (
                job.queue,
                -job.priority,
                job.organization,
                job.run_at,
                job.due,
            )

    @invariant()
    def a_lease_covers_what_is_active(self) -> None:
        leases = rows.leases(self.desk)
        for worker, lease in leases.items():
            assert (lease["lease_until"] > self.world.now) == (worker not in self.world.silent)
        for job in self.world.of(Status.ACTIVE):
            assert job.id in leases[job.worker or ""]["job_ids"]

    @invariant()
    def what_was_is_followed_only_by_what_may_be(self) -> None:
        now = rows.jobs(self.desk)
        for job_id, before in self.seen.items():
            after = now[job_id]
            old, new = Status(before["status"]), Status(after["status"])
            assert old == new or may_become(old, new)
            assert old not in TERMINAL or old == new or job_id in self.retried
            assert before["attempts"] <= after["attempts"] <= after["max_attempts"]
            # A sign of life may keep a checkpoint, which nobody is shown.
            changed = any(after[column] != before[column] for column in after.keys() - {"checkpoint"})
            assert after["revision"] > before["revision"] if changed else after["revision"] == before["revision"]
        self.seen = now
        self.retried.clear()

    @invariant()
    def no_job_has_two_owners(self) -> None:
        for job in self.world.of(Status.ACTIVE):
            owners = [owner.worker for owner in (*self.held, *self.gone) if job.is_of(owner)]
            assert owners == [job.worker]

    @invariant()
    def the_counters_say_what_a_recount_says(self) -> None:
        assert recount.wrong(self.desk) == {}

    @invariant()
    def what_failed_or_was_cancelled_is_listed_as_such(self) -> None:
        assert recount.unlisted(self.desk) == {}

    def teardown(self) -> None:
        """What ended stays counted, whatever became of it."""
        ended = Counter[tuple[str, ...]]()
        failed = Counter[tuple[str, ...]]()
        for job in [*self.world.jobs.values(), *self.deleted]:
            ended.update(("echo", status) for status, _ in job.ends)
            failed.update(("echo", error) for status, error in job.ends if status == Status.FAILED)
        assert recount.ends(self.desk) == ended
        assert recount.failures(self.desk) == failed

    # Parts

    def turn(self, worker: str, ended: Sequence[tuple[Owner, str, float | None]], queue: str, limit: int) -> None:
        """Take a turn, compare its answer with what the model predicts, and move the model."""
        told = [self.told(owner, way, said) for owner, way, said in ended]
        after = self.last[worker]
        due = self.world.next(queue, limit, after)
        turn = take_turn(
            self.connections[worker], told, queue=queue, worker=worker, lease_seconds=36_000, limit=limit, after=after
        )
        self.world.silent.discard(worker)
        self.last[worker] = turn.last
        finished = []
        for owner, way, said in ended:
            job = self.world.jobs[owner.job_id]
            if job.is_of(owner):
                planned, job.run_at = job.run_at, UNSET
                job.end(way, self.world.now - MARGIN, said)
                finished.append((job.id, job.status, job.revision))
                job.run_at = planned if job.run_at == UNSET else self.kept_time(job, job.run_at)
            if owner in self.held:
                self.held.remove(owner)
                self.gone.append(owner)
        assert sorted((one.id, one.status, one.revision) for one in turn.finished) == sorted(finished)
        assert {one.id for one in turn.claimed} == set(due)
        order = [self.world.jobs[one.id] for one in turn.claimed]
        assert order == in_turns(order, after)
        for one in turn.claimed:
            self.claimed(worker, one)

    def told(self, owner: Owner, way: str, said: float | None) -> Ended:
        transition = decide(owner.facts(), WAYS[way], now=self.world.now - MARGIN, draw=0.5)
        pulse = NOTHING if said is None else Pulse(said, None, None, changed=True)
        return Ended(owner.job_id, owner.attempt, transition, pulse, began=way != "not started")

    def claimed(self, worker: str, one: ClaimedJob) -> None:
        job = self.world.jobs[one.id]
        job.claim(worker)
        assert (one.attempt, one.max_attempts, one.revision) == (job.attempts, job.max_attempts, job.revision)
        assert (one.checkpoint, one.allowance, one.queue) == (job.checkpoint, job.allowance, job.queue)
        owner = Owner(worker, one.id, one.attempt, one.max_attempts)
        assert not any((other.job_id, other.attempt) == (one.id, one.attempt) for other in [*self.held, *self.gone])
        self.held.append(owner)

    def settle(self, worker: str | None) -> None:
        lost = [job for job in self.world.of(Status.ACTIVE) if job.worker in self.world.silent | {worker}]
        settled = settle_lost_jobs(self.desk, self.house, self.hints, worker=worker)
        assert settled == sorted(job.id for job in lost)
        for job in lost:
            asked = job.cancel_asked
            job.lose()
            if job.status == Status.PENDING and not asked:
                self.learn_time(job)

    def learn_time(self, job: ModelJob) -> None:
        """The clock of the servers said when it runs again: now."""
        job.run_at = self.kept_time(job, datetime.now(UTC))
        self.world.now = max(self.world.now, job.run_at)

    def kept_time(self, job: ModelJob, expected: datetime) -> datetime:
        """When it runs again: the server's clock counts."""
        kept: datetime = rows.jobs(self.desk)[job.id]["run_at"]
        assert abs(kept - expected) < timedelta(minutes=10)
        return kept

    def picked_job(self, pick: int) -> ModelJob:
        """Those that run come first, so that what is rare happens often enough."""
        newest = [self.world.jobs[job_id] for job_id in reversed(self.order)]
        return sorted(newest, key=lambda job: job.status != Status.ACTIVE)[pick % len(newest)]


def facts(row: rows.Row) -> dict[str, Any]:
    error = row["error"]
    return {
        "status": row["status"],
        "attempts": row["attempts"],
        "max_attempts": row["max_attempts"],
        "revision": row["revision"],
        "run_at": row["run_at"],
        "worker": row["worker"],
        "cancel asked": row["cancel_requested_at"] is not None,
        "progress": row["progress_current"],
        "checkpoint": row["checkpoint"],
        "result": row["result"],
        "error": None if error is None else error["type"],
    }


def model_facts(job: ModelJob) -> dict[str, Any]:
    return {
        "status": job.status,
        "attempts": job.attempts,
        "max_attempts": job.max_attempts,
        "revision": job.revision,
        "run_at": job.run_at,
        "worker": job.worker,
        "cancel asked": job.cancel_asked,
        "progress": job.progress,
        "checkpoint": job.checkpoint,
        "result": job.result,
        "error": job.error,
    }
