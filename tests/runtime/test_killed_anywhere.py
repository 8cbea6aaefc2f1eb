"""What follows from the ends of jobs is cut off at each of its statements and commits: it follows once all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.runtime.advancer import Advancer
from jobsapp.runtime.firing import fire_due
from jobsapp.runtime.followers import followers_of
from jobsapp.runtime.house import House
from jobsapp.runtime.use_cases import open_use_cases
from jobsapp.services import Services
from jobsapp.services.batch_callbacks import Callback
from jobsapp.services.batches import NewBatch
from jobsapp.services.channels import NewChannel
from jobsapp.services.jobs import NewJob
from jobsapp.services.notification_rules import NewNotificationRule
from tests.runtime.killer import Killer
from tests.services.schedules import NOON, due_from, hours, make, ran
from tests.workflow_walk import definition

Drain = Callable[[str], int]
VICTIM = "test victim"
COUNTS = "SELECT name, status, count(*) FROM jobs GROUP BY 1, 2 ORDER BY 1, 2"
UNDO = {"type": "echo", "input": {"text": "undone"}}
STEPS = {
    "first": {"compensate": UNDO},
    "each": {"needs": ["first"], "forEach": [1, 2, 3], "width": 2},
    "pause": {"needs": ["first"], "waitFor": {"seconds": 3600}},
    "last": {"needs": ["each", "pause"], "type": "fail", "retry": {"attempts": 1}},
}


@pytest.fixture
def killer() -> Iterator[Killer]:
    with Killer(VICTIM).at_work() as killer:
        yield killer


@pytest.fixture
def victim(house: House) -> Iterator[Advancer]:
    with open_use_cases(house, VICTIM) as (services, session):
        yield Advancer(session, *followers_of(services))


class Keeper:
    """Brings on all there is, cut off wherever it can be."""

    def __init__(self, killer: Killer, victim: Advancer, drain: Drain, connection: psycopg.Connection[Any]) -> None:
        self.killer, self.victim, self.drain, self.connection = killer, victim, drain, connection

    def on(self) -> None:
        """Until nothing is left to be done. What the clock does is done in the first round."""
        self.killer.everywhere(self.victim.tick)
        left = "SELECT EXISTS (SELECT FROM job_outbox) OR EXISTS (SELECT FROM job_queue WHERE due)"
        while self._round() or self.connection.execute(left).fetchone() == (True,):
            self.victim.tick()

    def _round(self) -> int:
        """Returns how many jobs ran."""
        self.killer.everywhere(self.victim.advance)
        return sum(self.drain(queue) for queue in ("echo", "fail", "measure"))

    def counts(self) -> dict[tuple[str, str], int]:
        return {(name, status): many for name, status, many in self.connection.execute(COUNTS)}


@pytest.fixture
def keeper(killer: Killer, victim: Advancer, drain: Drain, connection: psycopg.Connection[Any]) -> Keeper:
    return Keeper(killer, victim, drain, connection)


def test_each_step_of_a_workflow_is_one_job(
    services: Services, admin: Actor, keeper: Keeper, connection: psycopg.Connection[Any]
) -> None:
    new = NewJob("workflow-execution", {"definition": definition(**STEPS)}, name="run", max_attempts=1)
    run = services.jobs.create(admin, new)[0].id
    keeper.on()
    assert services.jobs.get(admin, run).status == "active", "it waits for its time"
    connection.execute("UPDATE workflow_steps SET wake_at = now() WHERE wake_at IS NOT NULL")
    connection.execute("UPDATE workflow_runs SET wake_at = now() WHERE wake_at IS NOT NULL")
    keeper.on()
    services.jobs._session.rollback()
    assert services.jobs.get(admin, run).status == "failed"
    # `first`, three items and `last`, and what undoes `first`.
    jobs = 6
    found = connection.execute("SELECT count(*) FROM jobs WHERE type <> 'workflow-execution'").fetchone()
    assert found == (jobs,)
    booked = connection.execute("SELECT count(job_id), count(DISTINCT job_id) FROM workflow_steps").fetchone()
    assert booked == (jobs, jobs), "each has its own, and none is without a step"
    assert keeper.killer.kills > 80


def test_batches_graphs_and_messages_count_each_end_once(
    services: Services, admin: Actor, keeper: Keeper, connection: psycopg.Connection[Any]
) -> None:
    channel = services.channels.create(admin, NewChannel("browser", "Here"))
    services.notification_rules.create(admin, NewNotificationRule(channel.id, ("completed", "failed", "cancelled")))
    after = {when: Callback("measure", {}, name=when) for when in ("complete", "success", "failure")}
    some = [NewJob("echo", {}, name="batch"), NewJob("fail", {}, name="batch", max_attempts=1)]
    batch = services.batches.create(admin, NewBatch(callbacks=after), some)
    graph = [
        NewJob("echo", {}, ref="a", name="a"),
        NewJob("fail", {}, ref="b", name="b", depends_on=("a",), max_attempts=1),
        NewJob("echo", {}, name="ended", depends_on=("a", "b")),
        NewJob("echo", {}, name="goes on", depends_on=("a", "b"), on_parent_failure="continue"),
    ]
    services.jobs.create_many(admin, graph)
    keeper.on()
    assert keeper.counts() == {
        ("a", "completed"): 1,
        ("b", "failed"): 1,
        ("batch", "completed"): 1,
        ("batch", "failed"): 1,
        ("complete", "completed"): 1,
        ("ended", "cancelled"): 1,
        ("failure", "completed"): 1,
        ("goes on", "completed"): 1,
    }
    services.jobs._session.rollback()
    view = services.batch_views.get(admin, batch.id)
    assert (view.status, view.counts.completed, view.counts.failed) == ("failed", 1, 1)
    told = connection.execute("SELECT count(*), count(DISTINCT job_id) FROM notifications").fetchone()
    assert told == (8, 8)
    assert keeper.killer.kills > 30


def test_each_run_of_a_schedule_is_made_once(
    services: Services, admin: Actor, house: House, killer: Killer, connection: psycopg.Connection[Any]
) -> None:
    made = [make(services, admin, missed="all", missed_limit=100, overlap=overlap) for overlap in ("allow", "queue")]
    for one in made:
        due_from(connection, one.id, NOON)
    with open_use_cases(house, VICTIM) as (own, session):

        def fire(now: Any) -> None:
            try:
                fire_due(own, session, now)
            finally:
                session.remove()

        for hour in (0, 1, 4):
            killer.everywhere(partial(fire, NOON + hours(hour)))
    for one in made:
        assert ran(connection, one.id) == [(NOON + hours(hour), "created") for hour in range(5)]
    found = connection.execute("SELECT count(*), count(DISTINCT job_id) FROM schedule_runs").fetchone()
    assert found == (10, 10)
    assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (10,)
    assert killer.kills > 20
