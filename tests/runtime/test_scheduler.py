"""The keeper makes the runs of schedules that are due, and keeps those that code declares as it declares them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.errors import ConfigError, Conflict
from jobsapp.processors.registry import JobType, Registry
from jobsapp.processors.schedules import Cron, Every
from jobsapp.runtime import firing
from jobsapp.runtime.house import House
from jobsapp.runtime.scheduler import Scheduler
from jobsapp.services import Services
from jobsapp.services.schedule_views import ScheduleView
from jobsapp.services.schedules import ScheduleFilter
from tests.processes import wait_until
from tests.sample_processors import Echo
from tests.services.schedules import make, ran

Connection = psycopg.Connection[Any]
NIGHTLY = Cron("30 2 * * *", "Europe/Berlin", name="nightly", data={"text": "night"}, overlap="queue")
OFTEN = Every(timedelta(minutes=5), name="often")


@contextmanager
def running(house: House) -> Iterator[Scheduler]:
    scheduler = Scheduler(house)
    scheduler.start()
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.stop()
        scheduler.stop()


@pytest.fixture
def declares(monkeypatch: pytest.MonkeyPatch, services: Services) -> Any:
    """Lets the type `echo` declare schedules, and keeps them as a keeper that begins to lead does."""

    def declare(*schedules: Cron | Every) -> None:
        monkeypatch.setattr(Echo, "schedules", schedules)
        firing.declare(services, services.jobs._session)

    return declare


def shown(services: Services, actor: Actor) -> list[ScheduleView]:
    return sorted(services.schedules.page(actor, ScheduleFilter())[0], key=lambda one: one.name)


def test_a_thread_beside_the_keeper_makes_what_is_due(
    house: House, services: Services, admin: Actor, connection: Connection
) -> None:
    made = make(services, admin, overlap="allow")
    connection.execute("UPDATE schedules SET (next_run_at, fire_at) = (now() - '3 s'::interval, now())")
    with running(house):
        wait_until(lambda: ran(connection, made.id), "no run was made", seconds=20)
    assert [outcome for _, outcome in ran(connection, made.id)] == ["created"]
    assert len(services.jobs.newest(admin.organization_id, 5)) == 1


def test_what_code_declares_is_there_and_acts_as_the_first_administrator(
    services: Services, admin: Actor, connection: Connection, declares: Any
) -> None:
    declares(NIGHTLY, OFTEN)
    nightly, often = shown(services, admin)
    assert (nightly.name, nightly.text, nightly.data, nightly.overlap) == (
        "nightly",
        "At 02:30 every day, Europe/Berlin time",
        {"text": "night"},
        "queue",
    )
    assert (nightly.declared, nightly.owner, nightly.changeable, often.every_seconds) == (True, None, False, 300)
    job_id = services.schedules.run(admin, nightly.id).job_id
    assert job_id is not None
    assert services.jobs.get(admin, job_id).user_id == admin.user_id
    declares(NIGHTLY, OFTEN)
    again = shown(services, admin)
    assert [one.id for one in again] == [nightly.id, often.id]
    assert [one.next_runs for one in again] == [nightly.next_runs, often.next_runs], "nothing began anew"


def test_it_is_paused_here_and_changed_in_code(services: Services, admin: Actor, declares: Any) -> None:
    declares(NIGHTLY)
    (nightly,) = shown(services, admin)
    for change in (lambda: services.schedules.edit(admin, nightly.id, {"name": "x"}),
                   lambda: services.schedules.delete(admin, nightly.id)):  # fmt: skip
        with pytest.raises(Conflict, match="declared in code"):
            change()
    services.schedules.pause(admin, nightly.id, reason="holidays")
    declares(Cron("0 5 * * *", name="nightly"))
    (changed,) = shown(services, admin)
    assert (changed.id, changed.cron, changed.data, changed.status, changed.pause_reason) == (
        nightly.id,
        "0 5 * * *",
        {"text": "hello"},
        "paused",
        "holidays",
    )
    assert services.schedules.resume(admin, nightly.id).next_runs[0].hour == 5


def test_what_code_declares_no_more_has_ended_until_it_does_again(
    services: Services, admin: Actor, declares: Any
) -> None:
    declares(NIGHTLY, OFTEN)
    declares(OFTEN)
    nightly, often = shown(services, admin)
    assert (nightly.status, nightly.next_runs, nightly.pause_reason) == (
        "ended",
        [],
        "It is not declared in code any more.",
    )
    assert often.status == "active"
    declares(NIGHTLY, OFTEN)
    back = shown(services, admin)[0]
    assert (back.id, back.status, back.pause_reason, len(back.next_runs)) == (nightly.id, "active", None, 5)
    services.schedules.pause(admin, nightly.id)
    declares(OFTEN)
    with pytest.raises(Conflict, match="not declared in code any more"):
        services.schedules.resume(admin, nightly.id)
    declares(NIGHTLY, OFTEN)
    assert services.schedules.resume(admin, nightly.id).status == "active", "it was paused all the time"
    declares(OFTEN)
    services.schedules.delete(admin, nightly.id)
    assert [one.name for one in shown(services, admin)] == ["often"]


@pytest.mark.parametrize(
    ("schedules", "sentence"),
    [
        ((Cron("every night"),), "write five fields"),
        ((Cron("* * * * *", "Mars"),), "no time zone"),
        ((Every(0),), "whole seconds"),
        ((Every(5, data={"txt": 1}),), "data.txt"),
        ((Every(5), Cron("@daily")), "two schedules of the same name"),
    ],
)
def test_what_cannot_be_declared_is_said_at_the_start(
    monkeypatch: pytest.MonkeyPatch, schedules: tuple[Any, ...], sentence: str
) -> None:
    monkeypatch.setattr(Echo, "schedules", schedules)
    with pytest.raises(ConfigError, match=sentence) as told:
        Registry([Echo])
    assert "'echo'" in str(told.value)
    assert JobType is not None
