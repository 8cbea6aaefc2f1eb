"""A keeper that was off for a day on which the clocks changed."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from tests.services.schedules import due_from, make, ran, tick

Connection = psycopg.Connection[Any]
BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = date(2030, 3, 31), date(2030, 10, 27)


@pytest.mark.parametrize(("day", "halves"), [(SPRING, 46), (AUTUMN, 50)])
@pytest.mark.parametrize("missed", ["skip", "once", "all"])
def test_what_was_missed_of_a_day_that_is_longer_or_shorter(
    services: Services, member: Actor, connection: Connection, missed: str, day: date, halves: int
) -> None:
    """Every half hour is one whatever the clock shows; 02:30 is once, although it is not there, or is there twice."""
    start = datetime.combine(day, time(), BERLIN)
    end = datetime.combine(day + timedelta(days=1), time(), BERLIN)
    said = {"zone": "Europe/Berlin", "missed": missed, "missed_limit": 100, "overlap": "allow"}
    often = make(services, member, cron="*/30 * * * *", **said)
    nightly = make(services, member, cron="30 2 * * *", **said)
    due_from(connection, often.id, start)
    due_from(connection, nightly.id, _first_night(day))
    # The keeper comes back half a minute before the next day: all of this one is past.
    tick(services, end - timedelta(seconds=30))
    outcomes = [outcome for _, outcome in ran(connection, often.id)]
    created = {"skip": 0, "once": 1, "all": halves}[missed]
    assert outcomes.count("created") == created
    (told,) = [one.missed for one in services.schedules.runs(member, often.id)[0] if one.outcome == "missed"] or [0]
    assert told == halves - created
    nights = [(at.astimezone(BERLIN), outcome) for at, outcome in ran(connection, nightly.id)]
    assert [outcome for _, outcome in nights] == ["missed" if missed == "skip" else "created"]
    assert services.schedules.get(member, often.id).next_runs[0] == end
    assert services.schedules.get(member, nightly.id).next_runs[0] == datetime.combine(
        day + timedelta(days=1), time(2, 30), BERLIN
    )
    assert tick(services, end - timedelta(seconds=20)) == 0


def _first_night(day: date) -> datetime:
    """When 02:30 is: in spring the clock goes from 02:00 to 03:00, in autumn the first of two counts."""
    return datetime.combine(day, time(3) if day == SPRING else time(2, 30), BERLIN)
