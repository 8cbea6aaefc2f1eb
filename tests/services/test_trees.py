"""Cancelling and retrying a job with what depends on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.errors import Conflict, Forbidden
from jobsapp.runtime.advancer import Advancer
from jobsapp.runtime.followers import followers_of
from jobsapp.runtime.house import House
from jobsapp.runtime.use_cases import open_use_cases
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store.cleanup import delete_chosen
from jobsapp.store.connect import connect
from jobsapp.store.jobs import retry_job, retry_jobs
from tests.store.workers import at_once

Drain = Callable[[str], int]
Connection = psycopg.Connection[Any]
SECONDS = 3
WAITING = """SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'waits for its turn' AND wait_event_type = 'Lock'"""


def made(services: Services, actor: Actor, graph: dict[str, str], **types: str) -> dict[str, UUID]:
    """Jobs by their names; `graph`: the names of each one's parents, letter by letter."""
    jobs = [
        NewJob(types.get(name, "echo"), {}, name=name, ref=name, depends_on=tuple(parents) or None, max_attempts=1)
        for name, parents in graph.items()
    ]
    return dict(zip(graph, services.jobs.create_many(actor, jobs)[0], strict=True))


def states(services: Services, admin: Actor, ids: dict[str, UUID]) -> dict[str, str]:
    return {name: services.jobs.get(admin, job_id).status for name, job_id in ids.items()}


DIAMOND = {"a": "", "b": "a", "c": "a", "d": "bc", "x": "", "y": "xa"}


def test_a_tree_is_cancelled_with_its_reason_and_what_others_need_is_not(
    services: Services, admin: Actor, advancer: Advancer
) -> None:
    ids = made(services, admin, DIAMOND)
    services.trees.cancel(admin, ids["b"], reason="wrong")
    assert states(services, admin, ids) == {
        "a": "pending", "b": "cancelled", "c": "pending", "d": "cancelled", "x": "pending", "y": "pending",
    }  # fmt: skip
    services.trees.cancel(admin, ids["a"], reason="all wrong")
    advancer.advance()
    assert [name for name, state in states(services, admin, ids).items() if state != "cancelled"] == ["x"]
    assert services.jobs.get(admin, ids["d"]).cancel_reason == "wrong"
    assert services.jobs.get(admin, ids["y"]).cancel_reason == "all wrong"


def test_of_a_finished_job_what_depends_on_it_is_cancelled(services: Services, admin: Actor, drain: Drain) -> None:
    ids = made(services, admin, {"a": "", "b": "a", "c": "b"}, a="measure")
    drain("measure")
    assert services.trees.cancel(admin, ids["a"]).status == "completed"
    assert states(services, admin, ids) == {"a": "completed", "b": "cancelled", "c": "cancelled"}
    with pytest.raises(Conflict, match="only a pending or active job"):
        services.trees.cancel(admin, ids["a"])


def test_a_retried_tree_waits_again_in_its_order(
    services: Services, admin: Actor, advancer: Advancer, drain: Drain
) -> None:
    ids = made(services, admin, DIAMOND, a="fail")
    drain("fail")
    while advancer.advance():
        pass
    assert states(services, admin, ids)["d"] == states(services, admin, ids)["y"] == "cancelled"
    by = services.views.job(services.jobs.get(admin, ids["d"])).ended_by
    assert by is not None
    assert by.name in "bc"
    services.trees.retry(admin, ids["a"])
    assert states(services, admin, ids) == dict.fromkeys(ids, "pending")
    waits = {name: services.views.job(services.jobs.get(admin, one)).waiting_for for name, one in ids.items()}
    assert [name for name, said in waits.items() if said and said.code == "dependencies"] == ["b", "c", "d", "y"]
    assert waits["d"] is not None
    assert waits["d"].text == "Waits for 2 of 2 jobs it depends on"
    assert drain("echo") == 1, "only x"


def test_what_was_cancelled_by_somebody_stays_so(services: Services, admin: Actor, advancer: Advancer) -> None:
    ids = made(services, admin, {"a": "", "b": "a", "c": "a"})
    services.jobs.cancel(admin, ids["b"])
    services.jobs.cancel(admin, ids["a"])
    advancer.advance()
    services.trees.retry(admin, ids["a"])
    assert states(services, admin, ids) == {"a": "pending", "b": "cancelled", "c": "pending"}


def test_a_large_tree_is_cancelled_and_retried_in_pieces(
    services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    chain = [NewJob("echo", {}, ref=f"j{n}", depends_on=(f"j{n - 1}",) if n else None) for n in range(1_100)]
    ids = services.jobs.create_many(admin, chain)[0]
    states = "SELECT status, count(*) FROM jobs GROUP BY 1"
    services.trees.cancel(admin, ids[0])
    assert connection.execute(states).fetchall() == [("cancelled", 1_100)], "without the advancer"
    # As if each had ended with the one before it: only what did is retried with it.
    connection.execute("UPDATE job_dependencies SET settled = 'cancelled', decisive = true")
    services.trees.retry(admin, ids[0])
    assert connection.execute(states).fetchall() == [("pending", 1_100)]
    found = connection.execute("SELECT count(*) FILTER (WHERE due), sum(blockers) FROM job_queue").fetchone()
    assert found == (1, 1_099), "in the same order"


def test_members_cancel_trees_of_their_own(services: Services, admin: Actor, member: Actor) -> None:
    mine = services.jobs.create(member, NewJob("echo", {}))[0]
    theirs = services.jobs.create(admin, NewJob("echo", {}, depends_on=(mine.id,)))[0]
    services.trees.cancel(member, mine.id)
    assert services.jobs.get(admin, theirs.id).status == "pending", "the advancer ends it, as it was asked to"
    with pytest.raises(Forbidden):
        services.trees.cancel(member, theirs.id)


def test_overlapping_retries_and_cancels_of_a_tree_never_wait_in_a_circle(
    services: Services, admin: Actor, house: House
) -> None:
    """Beside the advancer, which settles what the others open again."""
    above = "bcdefgh"
    ids = made(services, admin, {"a": "", **dict.fromkeys(above, "a"), **dict.fromkeys("ijklmnopqrstuvwxyz", above)})
    services.trees.cancel(admin, ids["a"])
    faults: list[Exception] = []
    until = time.monotonic() + SECONDS

    def go(act: Callable[[Services, Advancer], object]) -> None:
        with open_use_cases(house, "test tree") as (own, session):
            advancer = Advancer(session, *followers_of(own))
            while time.monotonic() < until:
                try:
                    act(own, advancer)
                except Conflict:
                    pass
                except Exception as error:
                    faults.append(error)
                session.remove()

    acts: list[Callable[[Services, Advancer], object]] = [
        lambda own, _: own.trees.retry(admin, ids["a"]),
        lambda own, _: own.trees.retry(admin, ids["b"]),
        lambda own, _: own.trees.cancel(admin, ids["a"]),
        lambda own, _: own.trees.cancel(admin, ids["c"]),
        lambda _, advancer: advancer.advance(),
        lambda _, advancer: advancer.advance(),
    ]
    at_once([lambda act=act: go(act) for act in acts])  # type: ignore[misc]
    assert faults == []


def _retry(connection: Connection, job_id: UUID, _organization_id: UUID) -> None:
    assert retry_job(connection, job_id) is not None


def _retry_many(connection: Connection, job_id: UUID, organization_id: UUID) -> None:
    assert len(retry_jobs(connection, [job_id], organization_id=organization_id)) == 1


def _delete(connection: Connection, job_id: UUID, organization_id: UUID) -> None:
    assert delete_chosen(connection, [job_id], organization_id=organization_id).deleted == 1


@pytest.mark.parametrize("act", [_retry, _retry_many, _delete])
def test_what_a_job_waits_for_is_locked_in_one_order_wherever_it_lies(
    services: Services,
    admin: Actor,
    settings: Settings,
    connection: Connection,
    act: Callable[[Connection, UUID, UUID], None],
) -> None:
    """As the advancer does it, who holds the first and then wants the second."""
    parents = sorted(services.jobs.create(admin, NewJob("echo", {}))[0].id for _ in "ab")
    child = services.jobs.create(admin, NewJob("echo", {}, depends_on=tuple(parents)))[0].id
    services.jobs.cancel(admin, child)
    connection.execute("DELETE FROM job_dependencies")
    for parent in reversed(parents):
        connection.execute(
            "INSERT INTO job_dependencies (job_id, parent_id, on_failure) VALUES (%s, %s, 'fail')", [child, parent]
        )
    lock = "SELECT FROM job_dependencies WHERE parent_id = %s FOR UPDATE"

    def advance() -> None:
        with connect(settings.database_url, "advancer") as own, own.transaction():
            own.execute(lock, [parents[0]])
            held.set()
            until = time.monotonic() + 20
            while connection.execute(WAITING).fetchone() == (0,):
                assert time.monotonic() < until
            own.execute(lock, [parents[1]])

    def other() -> None:
        with connect(settings.database_url, "waits for its turn") as own:
            # Rows are found as they lie, as in a table of other numbers they may be.
            own.execute("SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off")
            assert held.wait(20)
            with own.transaction():
                act(own, child, admin.organization_id)

    held = threading.Event()
    at_once([advance, other])
