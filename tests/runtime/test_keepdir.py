"""The folder in which attempts of a job leave things for the next: when it stays, and when it goes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.processors.sdk import Context
from jobsapp.runtime.duties import expire
from jobsapp.runtime.house import House
from jobsapp.runtime.settle import settle_lost_jobs
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store.turns import claim_jobs
from tests.sample_processors import Keeps

Drain = Callable[[str], int]
Make = Callable[..., UUID]
Connection = psycopg.Connection[Any]


@pytest.fixture
def make(services: Services, admin: Actor) -> Make:
    def make(**data: Any) -> UUID:
        return services.jobs.create(admin, NewJob("keeps", data))[0].id

    return make


def kept(house: House, job_id: UUID) -> list[str]:
    folder = house.storage.keepdir(job_id)
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else ["no folder"]


def test_it_outlives_an_attempt_and_goes_with_the_job(
    services: Services, admin: Actor, house: House, drain: Drain, make: Make, connection: Connection
) -> None:
    job_id = make(until=3)
    for attempt in ("1", "2"):
        assert drain("keeps") == 1
        assert services.jobs.get(admin, job_id).status == "pending"
        assert kept(house, job_id)[-1] == attempt
        connection.execute("UPDATE job_queue SET due = true, run_at = now()")
    drain("keeps")
    assert services.jobs.get(admin, job_id).result == {"found": ["1", "2"]}
    assert kept(house, job_id) == ["no folder"]


@pytest.mark.parametrize("how", ["permanent", "retry"])
def test_it_goes_when_the_job_fails(services: Services, admin: Actor, house: House, drain: Drain, how: str) -> None:
    job_id = services.jobs.create(admin, NewJob("keeps", {"how": how}, max_attempts=1))[0].id
    drain("keeps")
    assert services.jobs.get(admin, job_id).status == "failed"
    assert kept(house, job_id) == ["no folder"]


def test_it_goes_when_a_waiting_job_is_cancelled(
    services: Services, admin: Actor, house: House, drain: Drain, make: Make
) -> None:
    job_id = make()
    drain("keeps")
    assert kept(house, job_id) == ["1"]
    assert services.jobs.cancel(admin, job_id).status == "cancelled"
    assert kept(house, job_id) == ["no folder"]


@pytest.mark.parametrize(("allowed", "left"), [(2, ["1"]), (1, ["no folder"])])
def test_a_dead_attempt_leaves_it_only_for_another(
    services: Services, admin: Actor, house: House, connection: Connection, allowed: int, left: list[str]
) -> None:
    job_id = services.jobs.create(admin, NewJob("keeps", {}, max_attempts=allowed))[0].id
    claim_jobs(connection, "keeps", worker="w", lease_seconds=-1)
    (house.storage.make_keepdir(job_id) / "1").touch()
    assert settle_lost_jobs(connection, house, house.hints()) == [job_id]
    assert kept(house, job_id) == left


def test_it_goes_with_a_retry_that_expires(house: House, drain: Drain, make: Make, connection: Connection) -> None:
    job_id = make()
    drain("keeps")
    assert kept(house, job_id) == ["1"]
    connection.execute("UPDATE job_queue SET expires_at = now() WHERE job_id = %s", [job_id])
    assert expire.tick(connection, house, house.hints()) == [job_id]
    assert kept(house, job_id) == ["no folder"]


def test_who_lost_the_job_leaves_it_alone(
    house: House, drain: Drain, make: Make, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_: Keeps, __: Any, context: Context) -> None:
        (context.keepdir / "1").touch()
        connection.execute("UPDATE jobs SET attempts = 2, worker = 'another' WHERE id = %s", [context.job_id])

    monkeypatch.setattr(Keeps, "run", run)
    job_id = make()
    drain("keeps")
    assert connection.execute("SELECT status FROM jobs").fetchone() == ("active",)
    assert kept(house, job_id) == ["1"]


def test_the_sweep_takes_it_from_no_unfinished_job(
    services: Services, house: House, drain: Drain, make: Make, connection: Connection
) -> None:
    waiting, over = make(), make()
    drain("keeps")
    connection.execute("UPDATE jobs SET status = 'cancelled', cancelled_at = now() WHERE id = %s", [over])
    gone = UUID(int=9)
    house.storage.make_keepdir(gone)
    assert services.cleanup.sweep() == 0, "they may be in use"
    for job_id in (waiting, over, gone):
        age(house.storage.keepdir(job_id))
    assert services.cleanup.sweep() == 2
    assert (kept(house, waiting), kept(house, over), kept(house, gone)) == (["1"], ["no folder"], ["no folder"])


def age(folder: Path) -> None:
    day_before = time.time() - 2 * 24 * 3600
    for path in [*folder.iterdir(), folder]:
        os.utime(path, (day_before, day_before))
