"""Two workers, a keeper and people do anything in any order; the database does what the model says, and only that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from jobsapp.bus.hints import Hints
from jobsapp.config import Settings
from jobsapp.core.outcomes import decide
from jobsapp.core.states import TERMINAL, Status, may_become
from jobsapp.runtime.house import House
from jobsapp.runtime.settle import settle_lost_jobs
from jobsapp.store.connect import connect
from jobsapp.store.jobs import Beat, ClaimedJob, LogLine, Pulse, cancel_job, make_due, pulse_job, retry_job
from jobsapp.store.turns import FIRST, NOTHING, Ended, take_turn
from tests.store import rows
from tests.store.model import WAYS, ModelJob, Owner, World, in_turns

Connection = psycopg.Connection[Any]

EXAMPLES, STEPS = 120, 50
NAMES = ("ann", "bob")
MARGIN = timedelta(hours=1)
UNSET = datetime(1, 1, 1, tzinfo=UTC)

workers = st.sampled_from(NAMES)
queues = st.sampled_from(("main", "main", "main", "side"))
picks = st.integers(0, 7)
ways = st.sampled_from(list(WAYS))
limits = st.integers(1, 4)
numbers = st.none() | st.integers(0, 100).map(float)


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
        self.last = dict.fromkeys(NAMES, FIRST)
        self.world = World(datetime.now(UTC))
        self.order: list[UUID] = []
        self.held: list[Owner] = []
        self.gone: list[Owner] = []
        self.seen: dict[UUID, rows.Row] = {}
        self.retried: set[UUID] = set()

    # People

    @rule(
        queue=queues,
        priority=st.integers(-1, 1),
        allowance=st.integers(1, 3),
        hours=st.integers(-3, 0) | st.integers(0, 3).map(lambda n: 10 + 20 * n),
        count=st.integers(1, 3),
        pick=picks,
    )
    def create(self, queue: str, priority: int, allowance: int, hours: int, count: int, pick: int) -> None:
        run_at = self.world.now - MARGIN + timedelta(hours=hours)
        organization = self.organizations[pick % len(self.organizations)]
        for _ in range(count):
            job_id = rows.insert_job(
                self.desk, organization, queue=queue, priority=priority, allowance=allowance, run_at=run_at
            )
            job = ModelJob(job_id, queue, priority, allowance, run_at, organization=organization, due=hours <= 0)
            self.world.jobs[job_id] = job
            self.order.append(job_id)

    @precondition(lambda self: self.order)
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        job = self.picked_job(pick)
        changed = cancel_job(self.desk, job.id, user_id=None, reason=None)
        assert (changed is not None) == job.cancel()
        assert changed is None or (changed.status, changed.revision) == (job.status, job.revision)

    @precondition(lambda self: any(self.world.of(Status.FAILED, Status.CANCELLED)))
    @rule(pick=picks)
    def retry(self, pick: int) -> None:
        ended = [job_id for job_id in self.order if self.world.jobs[job_id].status in TERMINAL]
        job = self.world.jobs[ended[pick % len(ended)]]
        changed = retry_job(self.desk, job.id)
        assert (changed is not None) == job.retry()
        if changed is not None:
            assert (changed.status, changed.revision) == (job.status, job.revision)
            self.retried.add(job.id)
            self.learn_time(job)

    # Workers

    @rule(worker=workers, queue=queues, limit=limits)
    def claim(self, worker: str, queue: str, limit: int) -> None:
        self.turn(worker, [], queue, limit)

    @precondition(lambda self: self.held)
    @rule(
        worker=workers, chosen=st.lists(st.tuples(picks, ways, numbers), min_size=1, max_size=3), next_one=st.booleans()
    )
    def end(self, worker: str, chosen: list[tuple[int, str, float | None]], next_one: bool) -> None:
        """One or more attempts, and maybe the next claim, in one turn."""
        ended: dict[Owner, tuple[str, float | None]] = {}
        mine = [owner for owner in self.held if owner.worker == worker]
        for pick, way, said in chosen if mine else []:
            ended.setdefault(mine[pick % len(mine)], (way, None if way == "not started" else said))
        self.turn(worker, [(owner, *how) for owner, how in ended.items()], "main", 3 if next_one else 0)

    @precondition(lambda self: self.gone)
    @rule(pick=picks, way=ways)
    def end_again(self, pick: int, way: str) -> None:
        """Whoever ended its attempt has nothing more to say, whatever became of the job."""
        owner = self.gone[-1 - pick % len(self.gone)]
        self.turn(owner.worker, [(owner, way, None)], "main", 0)

    @precondition(lambda self: self.held or self.gone)
    @rule(pick=picks, current=numbers, checkpoint=st.none() | st.integers(0, 9), lines=st.integers(0, 2))
    def pulse(self, pick: int, current: float | None, checkpoint: int | None, lines: int) -> None:
        owners = [*reversed(self.held), *reversed(self.gone)]
        owner = owners[pick % len(owners)]
        job = self.world.jobs[owner.job_id]
        current = job.progress if current is None else current
        said = tuple(LogLine(self.world.now, "info", "said") for _ in range(lines))
        changed = bool(lines) or current != job.progress
        pulse = Pulse(current, None, None, changed, said, checkpoint)
        beat = pulse_job(self.connections[owner.worker], job.id, owner.attempt, pulse, lease_seconds=36_000)
        if job.is_of(owner):
            job.pulse(current, checkpoint, changed, lines)
            self.world.silent.discard(owner.worker)
            assert beat == Beat(job.revision, job.cancel_asked)
        else:
            assert beat is None

    @rule(first=limits, second=limits, queue=queues)
    def claim_at_once(self, first: int, second: int, queue: str) -> None:
        """One claims before the other's claim is committed."""
        ann, bob = NAMES
        with self.connections[ann].transaction():
            self.turn(ann, [], queue, first)
            # The other still sees what it cannot have, so that shares may be smaller; but never nothing.
            waiting = [job for job in self.world.of(Status.PENDING) if job.queue == queue and job.due]
            claim = {"queue": queue, "worker": bob, "lease_seconds": 36_000, "limit": second, "after": self.last[bob]}
            turn = take_turn(self.connections[bob], [], **claim)
            mine = [self.world.jobs[one.id] for one in turn.claimed]
            assert all(job in waiting for job in mine)
            assert len(mine) <= second
            assert bool(mine) == bool(waiting)
            left = [job.priority for job in waiting if job not in mine]
            assert len({job.priority for job in mine if left and job.priority < max(left)}) == 0
            self.world.silent.discard(bob)
            self.last[bob] = turn.last
            for one in turn.claimed:
                self.claimed(bob, one)

    # Time and the keeper

    @precondition(lambda self: any(self.world.of(Status.ACTIVE)))
    @rule(worker=workers)
    def lease_ends(self, worker: str) -> None:
        rows.end_leases(self.desk, worker)
        self.world.silent.add(worker)

    @precondition(lambda self: any(not job.due for job in self.world.of(Status.PENDING)))
    @rule()
    def look_at_the_clock(self) -> None:
        come = [job for job in self.world.of(Status.PENDING) if not job.due and job.run_at <= self.world.now]
        assert make_due(self.desk) == len(come)
        for job in come:
            job.due = True

    @precondition(lambda self: any(self.world.of(Status.ACTIVE)))
    @rule()
    def rescue(self) -> None:
        self.settle(None)

    @precondition(lambda self: any(self.world.of(Status.ACTIVE)))
    @rule(worker=workers)
    def worker_dies(self, worker: str) -> None:
        self.settle(worker)

    @precondition(lambda self: any(job.run_at > self.world.now for job in self.world.of(Status.PENDING)))
    @rule()
    def time_passes(self) -> None:
        for table in ("job_queue", "jobs"):
            pending = "" if table == "job_queue" else "WHERE status = 'pending'"
            self.desk.execute(f"UPDATE {table} SET run_at = run_at - interval '20 hours' {pending}")
        for job in self.world.of(Status.PENDING):
            job.run_at -= timedelta(hours=20)
        # Not the engine's doing.
        self.seen = rows.jobs(self.desk)

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


def test_any_order_of_events_does_what_the_model_says(settings: Settings, organization: UUID, house: House) -> None:
    with connect(settings.database_url, "desk") as desk:
        organizations = [organization, *(rows.insert_organization(desk) for _ in range(2))]
    with (
        connect(settings.database_url, "ann") as ann,
        connect(settings.database_url, "bob") as bob,
        connect(settings.database_url, "desk") as desk,
    ):
        connections = dict(zip((*NAMES, "desk"), (ann, bob, desk), strict=True))
        for connection in connections.values():
            # Nobody here ever has to wait for another; who does would wait for ever.
            connection.execute("SET lock_timeout = '5s'")

        class Prepared(Engine):
            def __init__(self) -> None:
                super().__init__(connections, organizations, house, house.hints())

        quick = hypothesis_settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None)
        run_state_machine_as_test(Prepared, settings=quick)
