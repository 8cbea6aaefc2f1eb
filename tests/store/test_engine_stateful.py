"""Two workers, a keeper and people do anything in any order; the database does what the model says, and only that."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from jobsapp.config import Settings
from jobsapp.core.states import TERMINAL, Status
from jobsapp.runtime.house import House
from jobsapp.store import tallies
from jobsapp.store.connect import connect
from jobsapp.store.jobs import Beat, LogLine, Pulse, cancel_job, make_due, pulse_job, retry_job
from jobsapp.store.statements import statement
from jobsapp.store.turns import take_turn
from tests.examples import examples
from tests.store import rows
from tests.store.engine import MARGIN, NAMES, Engine
from tests.store.model import WAYS, ModelJob, Owner

EXAMPLES, STEPS = examples(150), 50


workers = st.sampled_from(NAMES)
queues = st.sampled_from(("main", "main", "main", "side"))
picks = st.integers(0, 7)
ways = st.sampled_from(list(WAYS))
limits = st.integers(1, 4)
numbers = st.none() | st.integers(0, 100).map(float)


class Days(Engine):
    """What people, workers, the keeper and time may do on any day."""

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

    @rule(limit=limits)
    def fold(self, limit: int) -> None:
        tallies.fold(self.desk, limit=limit)

    @precondition(lambda self: any(self.world.of(*TERMINAL)))
    @rule(pick=picks)
    def clean_up(self, pick: int) -> None:
        ended = [job_id for job_id in self.order if self.world.jobs[job_id].status in TERMINAL]
        job_id = ended[pick % len(ended)]
        gone = self.desk.execute(statement("delete_finished"), {"job_ids": [job_id]}).fetchone()
        assert gone is not None
        assert gone[0] == 1
        self.order.remove(job_id)
        self.deleted.append(self.world.jobs.pop(job_id))
        self.gone = [owner for owner in self.gone if owner.job_id != job_id]
        self.held = [owner for owner in self.held if owner.job_id != job_id]
        self.seen.pop(job_id, None)

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

        class Prepared(Days):
            def __init__(self) -> None:
                super().__init__(connections, organizations, house, house.hints())

        quick = hypothesis_settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None)
        run_state_machine_as_test(Prepared, settings=quick)
