"""The engine remembers how long the jobs of a type took, and the time left of the next one comes from it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.runtime import durations
from jobsapp.runtime.duties import expire
from jobsapp.runtime.horse import Horse
from jobsapp.runtime.house import House
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store.durations import add_durations, read_durations
from jobsapp.store.jobs import ClaimedJob, Pulse, pulse_job
from jobsapp.store.turns import claim_jobs, finish_job

Connection = psycopg.Connection[Any]
JOBS = 10


@pytest.fixture
def jobs_done(services: Services, admin: Actor, house: House) -> Callable[..., None]:
    """Lets a work-horse do so many jobs and retire."""

    def do(type_name: str, number: int, data: dict[str, Any], **more: Any) -> None:
        services.jobs.create_many(admin, [NewJob(type_name, data, **more) for _ in range(number)])
        with Horse(house, "w") as horse:
            assert horse.drain(type_name) == number

    return do


def recorded(connection: Connection, type_name: str) -> list[float]:
    return list(read_durations(connection, [type_name]).durations[type_name])


def claim(connection: Connection, queue: str = "steps") -> ClaimedJob:
    (job,) = claim_jobs(connection, queue, worker="hand", lease_seconds=60)
    return job


def pass_seconds(connection: Connection, seconds: int) -> None:
    connection.execute(
        """UPDATE jobs SET started_at = started_at - make_interval(secs => %(seconds)s),
           progress_base_at = progress_base_at - make_interval(secs => %(seconds)s) WHERE status = 'active'""",
        {"seconds": seconds},
    )


def test_the_time_left_of_a_job_comes_from_those_before_it(
    services: Services, admin: Actor, connection: Connection, jobs_done: Callable[..., None]
) -> None:
    jobs_done("steps", JOBS, {"steps": 1, "seconds": 0.05})
    found = recorded(connection, "steps")
    assert len(found) == JOBS
    assert found[0] >= 0.05
    took = connection.execute("SELECT max(extract(epoch FROM completed_at - started_at))::float8 FROM jobs").fetchone()
    assert took is not None
    assert found[-1] <= took[0] + 0.1
    # A thousand times as long, so that nobody has to wait for it; the slowest was slow by chance of this machine.
    connection.execute(
        "UPDATE type_durations SET seconds = ARRAY(SELECT least(one, 0.06) * 1000 FROM unnest(seconds) one)"
    )

    def left() -> int | None:
        return services.views.job(services.jobs.get(admin, job.id)).eta_seconds

    job, _ = services.jobs.create(admin, NewJob("steps", {"gate": "never"}))
    assert left() is None, "nobody knows when it starts"
    claimed = claim(connection)
    assert left() == pytest.approx(55, abs=6)
    pass_seconds(connection, 25)
    assert left() == pytest.approx(30, abs=7)
    pulse = Pulse(25, 100, None, changed=True)
    assert pulse_job(connection, job.id, claimed.attempt, pulse, lease_seconds=60)
    # A quarter by the rate, 75 s more; three quarters by the history.
    assert left() == pytest.approx(41, abs=9)
    pass_seconds(connection, 60)
    pulse = Pulse(None, None, None, changed=True)
    assert pulse_job(connection, job.id, claimed.attempt, pulse, lease_seconds=60)
    assert left() is None, "it has outlasted them all"
    assert finish_job(connection, job.id, claimed.attempt, Transition(Status.COMPLETED, "completed"))
    assert left() is None


def test_what_failed_tells_nothing_of_the_type(connection: Connection, jobs_done: Callable[..., None]) -> None:
    jobs_done("fail", 3, {"how": "permanent"})
    assert recorded(connection, "fail") == []
    jobs_done("fail", 3, {"untilAttempt": 1})
    assert len(recorded(connection, "fail")) == 3


def test_an_attempt_that_goes_on_from_a_checkpoint_neither_uses_nor_makes_history(
    services: Services, admin: Actor, connection: Connection, house: House
) -> None:
    job, _ = services.jobs.create(admin, NewJob("steps", {"steps": 2}))
    first = claim(connection)
    pulse = Pulse(1, 2, None, changed=True, checkpoint={"done": 1})
    assert pulse_job(connection, job.id, first.attempt, pulse, lease_seconds=60)
    assert finish_job(connection, job.id, first.attempt, Transition(Status.PENDING, "failed"))
    add_durations(connection, "w", {"steps": [100.0] * 20})
    second = claim(connection)
    pass_seconds(connection, 10)
    assert services.views.job(services.jobs.get(admin, job.id)).eta_seconds is None
    assert finish_job(connection, job.id, second.attempt, Transition(Status.PENDING, "failed"))
    with Horse(house, "w") as horse:
        assert horse.drain("steps") == 1
    assert services.jobs.get(admin, job.id).result == {"steps": 2, "resumedAt": 1}
    assert recorded(connection, "steps") == [100.0] * 20


def test_many_jobs_cost_few_writes(
    services: Services, admin: Actor, house: House, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = []

    def count(connection: Connection, worker: str, those: dict[str, list[float]]) -> None:
        writes.append({name: len(found) for name, found in those.items()})
        add_durations(connection, worker, those)

    monkeypatch.setattr(durations, "add_durations", count)
    services.jobs.create_many(admin, [NewJob("echo", {}) for _ in range(1000)])
    began = time.monotonic()
    with Horse(house, "w") as horse:
        assert horse.drain("echo") == 1000
    most = 2 + (time.monotonic() - began) / durations.WRITE_SECONDS
    assert 1 <= len(writes) <= most
    assert len(recorded(connection, "echo")) == 128


def test_the_pulse_writes_while_the_horse_rests(
    services: Services, admin: Actor, house: House, connection: Connection
) -> None:
    services.jobs.create(admin, NewJob("echo", {}))
    with Horse(house, "w") as horse:
        assert horse.drain("echo") == 1
        deadline = time.monotonic() + 10
        while not recorded(connection, "echo"):
            assert time.monotonic() < deadline, "nothing was written"
            time.sleep(0.02)


def test_a_page_of_jobs_asks_once(services: Services, admin: Actor, connection: Connection) -> None:
    types = ("echo", "steps", "fail")
    ids, _ = services.jobs.create_many(admin, [NewJob(types[n % 3], {}) for n in range(30)])
    for queue in types:
        claim_jobs(connection, queue, worker="w", lease_seconds=60, limit=10)
    found = services.jobs.find(admin, ids)
    asked: list[str] = []
    plain = psycopg.Cursor.execute

    def note(self: Any, query: Any, *more: Any, **how: Any) -> Any:
        asked.append(str(query))
        return plain(self, query, *more, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", note)
        services.views.jobs(found)
    assert len(asked) == 1
    assert "type_durations" in asked[0]


def test_the_keeper_forgets(connection: Connection, house: House) -> None:
    add_durations(connection, "w", {"echo": [1.0], "steps": [1.0]})
    connection.execute("UPDATE type_durations SET updated_at = now() - interval '31 days' WHERE type = 'echo'")
    expire.tick(connection, house, house.hints())
    assert connection.execute("SELECT type FROM type_durations").fetchall() == [("steps",)]
