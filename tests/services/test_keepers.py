"""Keepers that lead at once, more than there should ever be: each run that is due is made, and once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime

import pytest

from jobsapp.core.actors import Actor
from jobsapp.runtime.house import House
from jobsapp.runtime.use_cases import open_use_cases
from jobsapp.services import Services
from jobsapp.services.sessions import DbSession
from tests.services.schedules import NOON, Connection, due_from, hours, make, ran

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
            made = self.services.firing.tick(now)
            self.session.commit()
            return made
        finally:
            self.session.remove()


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
