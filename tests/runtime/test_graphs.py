"""Graphs of jobs: what they tell while they wait, and a model of how they end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobsapp.core.actors import Actor
from jobsapp.core.states import TERMINAL
from jobsapp.errors import Conflict
from jobsapp.models import Job
from jobsapp.runtime.advancer import Advancer
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.waiting import WaitingView
from jobsapp.store.dependencies import POLICIES
from jobsapp.store.queues import depths
from tests.examples import examples
from tests.runtime.test_dependents import advancer, child_of, new, status

__all__ = ["advancer"]

Drain = Callable[[str], int]


def test_a_retry_counts_no_end_twice(services: Services, admin: Actor, advancer: Advancer, drain: Drain) -> None:
    """A parent that ended while nobody advanced, and a child that was cancelled and is retried before that."""
    first, second = new(services, admin), new(services, admin, "measure")
    child = child_of(services, admin, first, second)
    advancer.advance()
    services.jobs.cancel(admin, child.id)
    drain("echo")
    services.jobs.retry(admin, child.id)
    advancer.advance()
    assert drain("echo") == 0, "it waits for the second"
    drain("measure")
    advancer.advance()
    assert drain("echo") == 1


def test_a_child_that_is_retried_does_without_the_parent_that_failed(
    services: Services, admin: Actor, advancer: Advancer, drain: Drain
) -> None:
    parent = new(services, admin, "fail", max_attempts=1)
    child = child_of(services, admin, parent)
    drain("fail")
    services.jobs.cancel(admin, child.id)
    services.jobs.retry(admin, child.id)
    advancer.advance()
    assert drain("echo") == 1
    assert status(services, admin, child) == "completed"


def waiting(services: Services, admin: Actor, job: Job) -> WaitingView:
    found = services.views.job(services.jobs.get(admin, job.id)).waiting_for
    assert found is not None
    return found


def test_who_waits_is_told_and_not_counted_as_due(
    services: Services,
    admin: Actor,
    advancer: Advancer,
    connection: psycopg.Connection[Any],
    drain: Drain,
) -> None:
    first, second = new(services, admin), new(services, admin, "measure")
    child = child_of(services, admin, first, second, priority=9)
    assert waiting(services, admin, child).text == "Waits for 2 of 2 jobs it depends on"
    assert waiting(services, admin, child).code == "dependencies"
    assert depths(connection)["echo"].jobs == 1
    drain("echo")
    advancer.advance()
    assert waiting(services, admin, child).text == "Waits for 1 of 2 jobs it depends on"
    assert waiting(services, admin, child).jobs == [second.id]
    assert services.jobs.get(admin, child.id).revision == 2, "so who looks on is told"
    assert depths(connection) == {"measure": depths(connection)["measure"]}
    drain("measure")
    advancer.advance()
    assert waiting(services, admin, child).code != "dependencies"


def test_what_is_released_is_due_since_then(
    services: Services, admin: Actor, advancer: Advancer, connection: psycopg.Connection[Any], drain: Drain
) -> None:
    parent = new(services, admin, "measure")
    child = child_of(services, admin, parent)
    connection.execute("UPDATE job_queue SET run_at = now() - interval '1 hour'")
    drain("measure")
    advancer.advance()
    age = connection.execute("SELECT now() - run_at < '1 minute' FROM job_queue WHERE job_id = %s", [child.id])
    assert age.fetchone() == (True,)


def test_what_ended_it_is_told(services: Services, admin: Actor, advancer: Advancer, drain: Drain) -> None:
    fine, bad = new(services, admin), new(services, admin, "fail", max_attempts=1, name="Bad")
    child = child_of(services, admin, fine, bad, on_parent_failure="fail")
    drain("fail")
    advancer.advance()
    view = services.views.job(services.jobs.get(admin, child.id))
    assert view.ended_by is not None
    assert (view.ended_by.id, view.ended_by.status) == (bad.id, "failed")
    assert [(one.id, one.status) for one in view.depends_on] == [(fine.id, "pending"), (bad.id, "failed")]
    guest = view.for_guest()
    assert "Bad" not in guest.model_dump_json()
    assert str(bad.id) not in guest.model_dump_json()
    services.jobs.cancel(admin, fine.id)
    advancer.advance()
    again = services.views.job(services.jobs.get(admin, child.id))
    assert again.ended_by == view.ended_by, "what ends later changes nothing"


def test_a_crowd_is_released_in_pieces(
    services: Services, admin: Actor, advancer: Advancer, connection: psycopg.Connection[Any], drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("jobsapp.services.dependencies.store.EDGES_AT_ONCE", 4)
    monkeypatch.setattr("jobsapp.store.dependencies.ended_parents.__kwdefaults__", {"limit": 4})
    parent = new(services, admin, "measure")
    services.jobs.create_many(admin, [NewJob("echo", {}, depends_on=(parent.id,)) for _ in range(11)])
    drain("measure")
    advancer.advance()
    for _ in range(3):
        advancer.advance()
    found = connection.execute("SELECT count(*) FILTER (WHERE due), count(*) FROM job_queue").fetchone()
    assert found == (11, 11)
    assert connection.execute("SELECT count(*) FROM job_outbox").fetchone() == (0,)


def test_a_parent_stays_as_long_as_a_child_needs_it(services: Services, admin: Actor, drain: Drain) -> None:
    parent = new(services, admin, "measure")
    child = child_of(services, admin, parent)
    drain("measure")
    with pytest.raises(Conflict, match="depends on it"):
        services.many.delete(admin, parent.id)
    services.jobs.cancel(admin, child.id)
    services.many.delete(admin, parent.id)
    view = services.views.job(services.jobs.get(admin, child.id))
    assert [one.status for one in view.depends_on] == ["deleted"]


Graph = list[tuple[str, str, list[int]]]
"""Of each job: its type, or that somebody cancels it at once; what it does when a parent fails, and its parents, which
stand before it."""


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    kinds, policies = st.sampled_from(["echo", "echo", "fail", "stopped"]), st.sampled_from(POLICIES)
    size = draw(st.integers(1, 9))
    some = [st.lists(st.integers(0, max(0, index - 1)), unique=True, max_size=3 * (index > 0)) for index in range(size)]
    return [(draw(kinds), draw(policies), draw(parents)) for parents in some]


def expected(graph: Graph) -> list[str]:
    ends: list[str] = []
    for kind, policy, parents in graph:
        if kind == "stopped":
            ends.append("cancelled")
        elif policy != "continue" and any(ends[parent] != "completed" for parent in parents):
            ends.append("failed" if policy == "fail" else "cancelled")
        else:
            ends.append("failed" if kind == "fail" else "completed")
    return ends


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=graphs(), seed=st.randoms(use_true_random=False))
def test_whatever_fails_each_job_runs_after_its_parents_and_ends_as_the_model_says(
    services: Services, admin: Actor, advancer: Advancer, drain: Drain, graph: Graph, seed: Any
) -> None:
    jobs = [
        NewJob("fail" if kind == "fail" else "echo", {}, ref=f"j{index}", max_attempts=1, on_parent_failure=policy,
               depends_on=tuple(f"j{parent}" for parent in parents) or None)
        for index, (kind, policy, parents) in enumerate(graph)
    ]  # fmt: skip
    order = seed.sample(range(len(jobs)), len(jobs))
    made, _ = services.jobs.create_many(admin, [jobs[index] for index in order])
    ids = [made[order.index(index)] for index in range(len(jobs))]
    for job_id, (kind, _, _) in zip(ids, graph, strict=True):
        if kind == "stopped":
            services.jobs.cancel(admin, job_id)
    while not all(one.status in TERMINAL for one in found_jobs(services, admin, ids)):
        moved = [drain(queue) for queue in seed.sample(["echo", "fail"], seed.choice([1, 2]))]
        if seed.random() < 0.5 or not any(moved):
            advancer.advance()
    found = found_jobs(services, admin, ids)
    assert [one.status for one in found] == expected(graph)
    for one, (_, _, parents) in zip(found, graph, strict=True):
        for parent in parents:
            ended = found[parent].completed_at or found[parent].failed_at or found[parent].cancelled_at
            assert one.started_at is None or (ended is not None and one.started_at >= ended)


def found_jobs(services: Services, admin: Actor, ids: list[UUID]) -> list[Job]:
    services.jobs._session.rollback()
    by_id = {one.id: one for one in services.jobs.find(admin, ids)}
    return [by_id[one] for one in ids]
