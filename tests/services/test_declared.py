"""Schedules that job types declare in code: there when a keeper begins to lead, and as the code says."""

from __future__ import annotations

from typing import Any

import pytest

from jobsapp.core.actors import Actor
from jobsapp.errors import Conflict, Forbidden
from jobsapp.extensions import db
from jobsapp.processors.schedules import Cron, Every
from jobsapp.services import Services
from jobsapp.services.schedules import ScheduleFilter, ScheduleView
from tests.sample_processors import Echo, Measure
from tests.services.schedules import NOON, Connection, due_from, hours, jobs_of, ran, tick

NIGHTLY = Cron("30 2 * * *", "Europe/Berlin", name="Nightly", data={"text": "from code"}, overlap="allow")


@pytest.fixture
def begin(services: Services, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A keeper that begins to lead with code that declares these for the type echo."""

    def begin(*declared: Any) -> None:
        monkeypatch.setattr(Echo, "schedules", declared)
        services.declared.synchronise()
        db.session.commit()

    return begin


def found(services: Services, actor: Actor) -> list[ScheduleView]:
    return sorted(services.schedules.page(actor, ScheduleFilter())[0], key=lambda one: one.name)


def test_what_is_declared_is_there_and_makes_jobs_of_the_first_administrator(
    services: Services, admin: Actor, member: Actor, stranger: Actor, connection: Connection, begin: Any
) -> None:
    begin(NIGHTLY, Every(3600, name="Hourly"))
    hourly, nightly = found(services, member)
    assert (hourly.every_seconds, nightly.cron, nightly.zone, nightly.overlap) == (
        3600,
        "30 2 * * *",
        "Europe/Berlin",
        "allow",
    )
    assert (nightly.declared, nightly.owner, nightly.status, len(nightly.next_runs)) == (True, None, "active", 5)
    assert found(services, stranger) == [], "in the organisation that runs the installation"
    due_from(connection, nightly.id, NOON)
    tick(services, NOON)
    job = services.jobs.get(admin, jobs_of(connection, nightly.id)[0])
    assert (job.name, job.data, job.user_id) == ("Nightly", {"text": "from code"}, admin.user_id)


def test_a_keeper_that_begins_again_changes_nothing(
    services: Services, admin: Actor, connection: Connection, begin: Any
) -> None:
    begin(NIGHTLY, Every(3600, name="Hourly"))
    before = connection.execute("SELECT * FROM schedules ORDER BY id").fetchall()
    for one in found(services, admin):
        due_from(connection, one.id, NOON)
    late = connection.execute("SELECT id, next_run_at, anchor FROM schedules ORDER BY id").fetchall()
    begin(NIGHTLY, Every(3600, name="Hourly"))
    assert connection.execute("SELECT id, next_run_at, anchor FROM schedules ORDER BY id").fetchall() == late, (
        "what was due while nobody led is still to be made"
    )
    assert len(before) == 2
    tick(services, NOON + hours(1))
    for one in found(services, admin):
        assert [outcome for _, outcome in ran(connection, one.id)][-1] == "created"


def test_what_code_says_anew_holds_and_what_it_says_no_more_has_ended(
    services: Services, admin: Actor, begin: Any
) -> None:
    begin(NIGHTLY, Every(3600, name="Hourly"))
    hourly, nightly = found(services, admin)
    begin(Cron("0 4 * * *", name="Nightly", data={"text": "other"}))
    gone, changed = found(services, admin)
    assert (changed.id, changed.cron, changed.data, changed.zone) == (
        nightly.id,
        "0 4 * * *",
        {"text": "other"},
        "UTC",
    )
    assert all(one.hour == 4 for one in changed.next_runs)
    assert (gone.id, gone.status, gone.pause_reason) == (hourly.id, "ended", "It is not declared in code any more.")
    begin(NIGHTLY, Every(3600, name="Hourly"))
    again = found(services, admin)[0]
    assert (again.id, again.status, again.pause_reason, len(again.next_runs)) == (hourly.id, "active", None, 5)
    begin()
    services.schedules.delete(admin, hourly.id)
    assert [one.name for one in found(services, admin)] == ["Nightly"]


def test_what_somebody_paused_stays_so(services: Services, operator: Actor, begin: Any) -> None:
    begin(NIGHTLY)
    (nightly,) = found(services, operator)
    services.schedules.pause(operator, nightly.id)
    begin(Cron("0 4 * * *", name="Nightly"))
    (paused,) = found(services, operator)
    assert (paused.status, paused.cron, paused.next_runs) == ("paused", "0 4 * * *", [])
    assert services.schedules.resume(operator, nightly.id).next_runs[0].hour == 4


def test_people_pause_and_run_it_and_change_it_in_the_code_alone(
    services: Services, member: Actor, operator: Actor, begin: Any
) -> None:
    begin(NIGHTLY)
    (nightly,) = found(services, operator)
    with pytest.raises(Forbidden):
        services.schedules.run(member, nightly.id)
    assert services.schedules.run(operator, nightly.id).outcome == "created"
    with pytest.raises(Conflict, match="code"):
        services.schedules.edit(operator, nightly.id, {"cron": "0 4 * * *"})
    with pytest.raises(Conflict, match="code"):
        services.schedules.delete(operator, nightly.id)


def test_one_that_cannot_be_kept_does_not_keep_the_others_from_it(
    services: Services, admin: Actor, begin: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Measure, "schedules", (Every(60, name="Good"),))
    begin(Cron("0 4 * * *", name="Bad", data={"txt": 1}))
    assert [one.name for one in found(services, admin)] == ["Good"]
    assert "'echo: Bad' is declared, but cannot be kept" in caplog.text
