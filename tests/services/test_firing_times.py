"""When a schedule is due: over changes of the clock, with jitter, and until its end."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from tests.services.schedules import NOON, Connection, due_from, hours, make, ran, tick


def test_it_ends(services: Services, member: Actor, connection: Connection) -> None:
    made = make(services, member, ends_at=NOON + hours(1))
    due_from(connection, made.id, NOON)
    tick(services, NOON)
    assert services.schedules.get(member, made.id).status == "active"
    tick(services, NOON + hours(1))
    ended = services.schedules.get(member, made.id)
    assert (ended.status, ended.next_runs, ended.runs + len(ran(connection, made.id))) == ("ended", [], 3)
    assert tick(services, NOON + hours(9)) == 0


def test_one_that_has_ended_can_be_named_and_begun_again(
    services: Services, member: Actor, connection: Connection
) -> None:
    made = make(services, member)
    over = "next_run_at = NULL, fire_at = NULL, ends_at = '2020-01-01T00:00:00Z', ended_at = now()"
    connection.execute(f"UPDATE schedules SET {over}")
    assert services.schedules.edit(member, made.id, {"name": "Old"}).status == "ended"
    again = services.schedules.edit(member, made.id, {"ends_at": None})
    assert (again.status, len(again.next_runs), again.name) == ("active", 5, "Old")


def test_jitter_makes_a_run_late_by_the_same_time_whoever_asks(
    services: Services, member: Actor, connection: Connection
) -> None:
    made = make(services, member, jitter_seconds=600)
    row = connection.execute("SELECT next_run_at, fire_at FROM schedules").fetchone()
    assert row is not None
    assert timedelta() < row[1] - row[0] <= timedelta(minutes=10)
    assert tick(services, row[1] - timedelta(milliseconds=1)) == 0
    assert tick(services, row[1]) == 1
    assert ran(connection, made.id) == [(row[0].astimezone(UTC), "created")]


CHANGES = [
    ("America/New_York", date(2030, 3, 10), 24 - 1),
    ("America/New_York", date(2030, 11, 3), 24 + 1),
    ("Europe/Berlin", date(2030, 3, 31), 24 - 1),
    ("Europe/Berlin", date(2030, 10, 27), 24 + 1),
    ("Australia/Lord_Howe", date(2030, 4, 7), 24.5),
    ("Australia/Lord_Howe", date(2030, 10, 6), 23.5),
]


@pytest.mark.parametrize(("zone", "day", "length"), CHANGES)
def test_a_day_on_which_the_clocks_change(
    services: Services, member: Actor, connection: Connection, zone: str, day: date, length: float
) -> None:
    """Once a day is once; every half hour is as often as there are half hours. The keeper looks every 10 minutes."""
    place = ZoneInfo(zone)
    start = datetime.combine(day, time(), place).astimezone(UTC)
    daily = make(services, member, cron="30 2 * * *", zone=zone, overlap="allow")
    twice = make(services, member, cron="15,45 1-2 * * *", zone=zone, overlap="allow")
    often = make(services, member, cron="*/30 * * * *", zone=zone, overlap="allow")
    for one in (daily, twice, often):
        due_from(connection, one.id, services.schedules.get(member, one.id).next_runs[0])
        first = _timing(services, member, one.id).after(start - timedelta(seconds=1))
        assert first is not None
        due_from(connection, one.id, first)
    for step in range(int(length * 6)):
        tick(services, start + step * timedelta(minutes=10) + timedelta(minutes=9))
    assert len(ran(connection, daily.id)) == 1
    assert len(ran(connection, often.id)) == length * 2
    at = [moment.astimezone(place).strftime("%H:%M") for moment, _ in ran(connection, twice.id)]
    assert len(at) == len(set(at))
    assert {"01:15", "01:45"} <= set(at)


def _timing(services: Services, actor: Actor, schedule_id: Any) -> Any:
    from jobsapp.services.new_schedules import said_of

    return said_of(services.schedules.row(actor, schedule_id)).timing
