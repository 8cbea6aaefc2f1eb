"""Keepers that lead at once, more than there should be, and one that was off: each run is made as often as is due."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from jobsapp.core.actors import Actor
from jobsapp.runtime.firing import fire_due
from jobsapp.runtime.house import House
from jobsapp.runtime.use_cases import open_use_cases
from jobsapp.services import Services
from jobsapp.services.new_schedules import said_of
from jobsapp.services.sessions import DbSession
from tests.services.schedules import NOON, Connection, due_from, hours, make, ran, tick

HOURS = 6


class Keeper(threading.Thread):
    """Looks at each hour until it has seen nothing to do in all of them."""

    def __init__(self, services: Services, session: DbSession, start: threading.Barrier) -> None:
        super().__init__()
        self.services, self.session, self.start_line = services, session, start
        self.fault: Exception | None = None

    def run(self) -> None:
        self.start_line.wait(30)
        try:
            while sum(self._fire(NOON + hours(hour)) for hour in range(HOURS)):
                pass
        except Exception as error:
            self.fault = error

    def _fire(self, now: datetime) -> int:
        try:
            return fire_due(self.services, self.session, now)
        finally:
            self.session.remove()


CHANGES = [
    ("Europe/Berlin", date(2030, 3, 31), 23),
    ("Europe/Berlin", date(2030, 10, 27), 25),
    ("America/Havana", date(2030, 3, 10), 23),
    ("Australia/Lord_Howe", date(2030, 4, 7), 24.5),
]


@pytest.mark.parametrize(("zone", "day", "length"), CHANGES)
@pytest.mark.parametrize("missed", ["skip", "once", "all"])
def test_a_keeper_is_off_for_the_day_on_which_clocks_change(
    services: Services, member: Actor, connection: Connection, zone: str, day: date, length: float, missed: str
) -> None:
    """From before midnight to after the next one: a run is due at each half of an hour, and one of the day at 02:15."""
    start = datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
    often = make(services, member, cron="*/30 * * * *", zone=zone, missed=missed, missed_limit=100, overlap="allow")
    daily = make(services, member, cron="15 2 * * *", zone=zone, missed=missed, missed_limit=100, overlap="allow")
    due_from(connection, often.id, start)
    due_from(connection, daily.id, _first(services, member, daily.id, start))
    tick(services, start + hours(length) - timedelta(minutes=2))
    number = {"skip": 0, "once": 1, "all": int(length * 2)}[missed]
    made = [at for at, outcome in ran(connection, often.id) if outcome == "created"]
    assert made == [start + hours(length) - step * hours(0.5) for step in range(number, 0, -1)]
    runs, _ = services.schedules.runs(member, often.id)
    assert sum(one.missed for one in runs) == length * 2 - number
    assert [outcome for _, outcome in ran(connection, daily.id)] == ["missed" if missed == "skip" else "created"]


def _first(services: Services, actor: Actor, schedule_id: UUID, start: datetime) -> datetime:
    first = said_of(services.schedules.row(actor, schedule_id)).timing.after(start)
    assert first is not None
    return first


@pytest.fixture
def keepers(house: House) -> Iterator[list[Keeper]]:
    with ExitStack() as stack:
        start = threading.Barrier(3)
        opened = [stack.enter_context(open_use_cases(house, f"keeper {name}")) for name in "abc"]
        yield [Keeper(services, session, start) for services, session in opened]


@pytest.mark.parametrize("overlap", ["allow", "queue", "cancel"])
def test_three_keepers_make_each_run_once(
    services: Services, member: Actor, connection: Connection, keepers: list[Keeper], overlap: str
) -> None:
    made = [make(services, member, missed="all", missed_limit=100, overlap=overlap).id for _ in range(12)]
    for one in made:
        due_from(connection, one, NOON)
    for keeper in keepers:
        keeper.start()
    for keeper in keepers:
        keeper.join(60)
    assert [keeper.fault for keeper in keepers] == [None] * 3
    wanted = [(NOON + hours(hour), "created") for hour in range(HOURS)]
    # Whoever found the last job in the hands of another keeper comes again a second later.
    late = NOON + hours(HOURS - 1)
    for _ in range(HOURS):
        late += hours(1) / 3600
        keepers[0]._fire(late)
    for one in made:
        assert ran(connection, one) == wanted
    booked = connection.execute("SELECT count(DISTINCT job_id) FROM schedule_runs").fetchone()
    jobs = connection.execute("SELECT count(*) FROM jobs").fetchone()
    assert booked == jobs == (len(made) * HOURS,)
