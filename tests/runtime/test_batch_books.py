"""Whatever happens to the jobs of batches, and wherever the advancer crashes: what is counted is what is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobsapp.core.actors import Actor
from jobsapp.errors import Conflict
from jobsapp.extensions import db
from jobsapp.runtime.advancer import Advancer
from jobsapp.runtime.advancing import AdvancerThread
from jobsapp.runtime.followers import followers_of
from jobsapp.runtime.house import House
from jobsapp.runtime.use_cases import open_use_cases
from jobsapp.services import Services
from jobsapp.services.batch_callbacks import Callback
from jobsapp.services.batches import NewBatch
from jobsapp.services.jobs import NewJob
from jobsapp.store.outbox import EndedJob
from tests.processes import wait_until

MOVES = ("drain", "fail", "cancel", "retry", "retry all", "cancel all", "advance", "crash", "tick")
RECOUNT = """SELECT count(*) FILTER (WHERE status = 'pending'), count(*) FILTER (WHERE status = 'active'),
  count(*) FILTER (WHERE status = 'completed'), count(*) FILTER (WHERE status = 'failed'),
  count(*) FILTER (WHERE status = 'cancelled'),
  coalesce(sum(weight) FILTER (WHERE status IN ('completed', 'failed', 'cancelled')), 0)
FROM jobs WHERE batch_id = %s"""


class Crash(Exception):
    """The advancer dies just before its COMMIT."""


class Crasher:
    """The last follower."""

    armed = False

    def absorb(self, ended: Sequence[EndedJob]) -> None:
        if self.armed:
            raise Crash


class Story:
    def __init__(self, services: Services, actor: Actor, drain: Callable[[str], int], connection: Any) -> None:
        self.services, self.actor, self.drain, self.connection = services, actor, drain, connection
        after = {when: Callback("measure", {}, name=when) for when in ("complete", "success", "failure")}
        jobs = [NewJob(kind, {}, max_attempts=1, weight=2.0**n) for n, kind in enumerate(["echo", "fail", "echo"] * 2)]
        self.batches = [services.batches.create(actor, NewBatch(callbacks=after), jobs) for _ in range(2)]

    def jobs_in(self, *statuses: str) -> list[UUID]:
        query = "SELECT id FROM jobs WHERE batch_id IS NOT NULL AND status = ANY(%s) ORDER BY id"
        return [row[0] for row in self.connection.execute(query, [list(statuses)])]

    def move(self, what: str, advancer: Advancer, crasher: Crasher) -> None:
        changes = self.services.batch_changes
        if what == "drain":
            self.drain("echo")
        elif what == "fail":
            self.drain("fail")
        elif what == "cancel":
            for job_id in self.jobs_in("pending")[:1]:
                self.services.jobs.cancel(self.actor, job_id)
        elif what == "retry":
            for job_id in self.jobs_in("failed", "cancelled")[-1:]:
                self.services.jobs.retry(self.actor, job_id)
        elif what == "retry all":
            with suppress(Conflict):
                changes.retry(self.actor, self.batches[0].id, cancelled=True)
        elif what == "cancel all":
            with suppress(Conflict):
                changes.cancel(self.actor, self.batches[1].id)
        elif what == "advance":
            advancer.advance()
        elif what == "crash":
            crasher.armed = True
            advancer.advance()
            crasher.armed = False
            self.connection.execute("UPDATE job_outbox SET not_before = now(), tries = 0")
        elif what == "tick":
            advancer.tick()

    def check(self) -> None:
        for batch in self.batches:
            view = self.services.batch_views.get(self.actor, batch.id)
            *counts, weight = self.connection.execute(RECOUNT, [batch.id]).fetchone()
            assert list(view.counts.model_dump().values()) == counts
            expected = 100.0 if sum(counts[2:]) == 6 else min(round(weight / view.total_weight * 100, 1), 99.9)
            assert view.percentage == expected


@given(moves=st.lists(st.sampled_from(MOVES), max_size=25))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_counts_are_a_recount_and_callbacks_are_made_once(
    services: Services,
    admin: Actor,
    house: House,
    drain: Callable[[str], int],
    connection: psycopg.Connection[Any],
    moves: list[str],
) -> None:
    # What was read last holds the tables.
    db.session.remove()
    connection.execute("TRUNCATE jobs, batches, job_outbox, job_queue CASCADE")
    story = Story(services, admin, drain, connection)
    crasher = Crasher()
    with open_use_cases(house, "test advancer") as (own, session):
        followers, clocks = followers_of(own)
        advancer = Advancer(session, [*followers, crasher], clocks)
        for move in moves:
            story.move(move, advancer, crasher)
            story.check()
        while any(iter(lambda: drain("echo") + drain("fail"), 0)):
            pass
        advancer.advance()
        advancer.tick()
    story.check()
    assert connection.execute("SELECT count(*) FROM job_outbox").fetchone() == (0,)
    made = connection.execute("SELECT name, count(*) FROM jobs WHERE batch_id IS NULL GROUP BY name").fetchall()
    completed = [services.batch_views.get(admin, batch.id).status == "completed" for batch in story.batches]
    told = dict(made)
    assert told["complete"] == 2
    assert told.get("success", 0) == sum(completed)
    failed = [services.batch_views.get(admin, batch.id).counts.failed > 0 for batch in story.batches]
    assert sum(failed) <= told.get("failure", 0) <= 2
    ids = [
        one.job_id
        for batch in story.batches
        for one in services.batch_views.get(admin, batch.id).callbacks
        if one.job_id is not None
    ]
    assert len(ids) == len(set(ids)) == sum(told.values()), "each is a callback of one batch"


def test_2_000_jobs_are_created_drained_and_ended(
    services: Services, admin: Actor, house: House, drain: Callable[[str], int]
) -> None:
    after = {"success": Callback("measure", {})}
    batch = services.batches.create(admin, NewBatch(callbacks=after), [NewJob("echo", {}) for _ in range(2000)])
    with open_use_cases(house, "test advancer") as (own, session):
        advancer = Advancer(session, *followers_of(own))
        drained = told = 0
        while drained < 2000:
            drained += drain("echo")
            told += advancer.advance()
            assert services.batch_views.get(admin, batch.id).counts.completed == drained
    # One for each statement, not for each job.
    assert 0 < told < 50
    view = services.batch_views.get(admin, batch.id)
    assert (view.status, view.callbacks[0].job_exists) == ("completed", True)


def test_a_job_that_others_wait_for_too_is_counted_once(
    services: Services, admin: Actor, house: House, drain: Callable[[str], int], connection: psycopg.Connection[Any]
) -> None:
    batch = services.batches.create(admin, NewBatch(), [NewJob("echo", {}, weight=3.0) for _ in range(3)])
    child, _ = services.jobs.create(admin, NewJob("measure", {}, depends_on=(batch.job_ids[0],)))
    with open_use_cases(house, "test advancer") as (own, session):
        advancer = Advancer(session, *followers_of(own))
        advancer.advance()
        drain("echo")
        rows = "SELECT kind, jobs, weight, status FROM job_outbox ORDER BY kind, status"
        told = connection.execute(rows).fetchall()
        assert [row for row in told if row[0] == "ended"] == [("ended", 1, None, "completed")]
        assert sum(row[1] for row in told if row[0] == "counted") == 3
        assert sum(row[2] for row in told if row[0] == "counted") == 9.0
        advancer.advance()
    view = services.batch_views.get(admin, batch.id)
    assert (view.counts.completed, view.status) == (3, "completed")
    due = "SELECT due FROM job_queue WHERE job_id = %s"
    assert connection.execute(due, [child.id]).fetchone() == (True,)


def test_a_keeper_of_the_version_before_leaves_numbers_to_the_next(
    services: Services, admin: Actor, house: House, drain: Callable[[str], int], connection: psycopg.Connection[Any]
) -> None:
    """It would count one job for each row. While a deployment is under way it may still lead."""
    batch = services.batches.create(admin, NewBatch(), [NewJob("echo", {}) for _ in range(3)])
    drain("echo")
    before = "DELETE FROM job_outbox WHERE id IN (SELECT id FROM job_outbox WHERE not_before <= now())"
    assert connection.execute(before).rowcount == 0
    with open_use_cases(house, "test advancer") as (own, session):
        assert Advancer(session, *followers_of(own)).advance() > 0
    assert services.batch_views.get(admin, batch.id).status == "completed"


def test_the_thread_gathers_numbers_and_goes_on(
    services: Services, admin: Actor, house: House, drain: Callable[[str], int], connection: psycopg.Connection[Any]
) -> None:
    thread = AdvancerThread(house)
    thread.start()
    try:
        for _ in range(2):
            batch = services.batches.create(admin, NewBatch(), [NewJob("echo", {}) for _ in range(3)])
            drain("echo")
            ended = "SELECT ended_at IS NOT NULL FROM batches WHERE id = %s"
            asked = partial(connection.execute, ended, [batch.id])
            wait_until(lambda asked=asked: asked().fetchone() == (True,), "the batch has ended")  # type: ignore[misc]
    finally:
        thread.stop()
