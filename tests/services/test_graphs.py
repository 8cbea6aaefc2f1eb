"""Jobs of one call that depend on one another, and on jobs that were there before."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text

from jobsapp.core.actors import Actor
from jobsapp.errors import Conflict, InvalidInput
from jobsapp.models import Job
from jobsapp.runtime.advancer import Advancer
from jobsapp.runtime.followers import followers_of
from jobsapp.runtime.house import House
from jobsapp.runtime.use_cases import open_use_cases
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.sessions import DbSession
from jobsapp.store.outbox import EndedJob

Drain = Callable[[str], int]


def named(ref: str, *parents: Any, **fields: Any) -> NewJob:
    return NewJob("echo", {}, name=ref, ref=ref, depends_on=parents or None, **fields)


def faults(services: Services, admin: Actor, *jobs: NewJob) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        services.jobs.create_many(admin, jobs)
    return {fault.field: fault.message for fault in caught.value.errors}


@contextmanager
def counting() -> Iterator[list[str]]:
    """What is asked of PostgreSQL by either driver: statements of SQLAlchemy, and those of `store` by theirs."""
    seen: list[str] = []
    original = psycopg.Cursor.execute

    def note(self: Any, query: Any, *given: Any, **more: Any) -> Any:
        seen.append(str(query)[:60])
        return original(self, query, *given, **more)

    psycopg.Cursor.execute = note  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        psycopg.Cursor.execute = original  # type: ignore[method-assign]


def test_refs_come_in_any_order_and_beside_ids(services: Services, admin: Actor) -> None:
    before = services.jobs.create(admin, NewJob("echo", {}))[0]
    ids, _ = services.jobs.create_many(
        admin, [named("last", "middle", before.id), named("middle", "first"), named("first")]
    )
    last, middle, first = (services.views.job(services.jobs.get(admin, one)) for one in ids)
    assert {one.id for one in last.depends_on} == {middle.id, before.id}
    assert [one.id for one in middle.depends_on] == [first.id]
    assert (last.depends_on_count, middle.dependents, first.dependents) == (2, 1, 1)
    assert last.waiting_for is not None
    assert last.waiting_for.text == "Waits for 2 of 2 jobs it depends on"
    assert set(last.waiting_for.jobs) == {middle.id, before.id}
    assert first.waiting_for is not None
    assert first.waiting_for.code != "dependencies"


def test_what_is_wrong_with_a_graph_is_named(services: Services, admin: Actor) -> None:
    other = uuid4()
    said = faults(
        services, admin, named("a", "b"), named("b", "a"), named("c", "nowhere"), named("d", other), named("d")
    )
    assert said == {
        "jobs[0].dependsOn": "a → b → a goes round in a circle.",
        "jobs[2].dependsOn": "there is no job with the ref 'nowhere' in this call, and it is no id of a job.",
        "jobs[3].dependsOn": f"There is no job {other}.",
        "jobs[4].ref": "'d' is the ref of jobs[3] too; each needs its own.",
    }
    assert services.jobs._session.query(Job).count() == 0
    assert faults(services, admin, named("x", "x")) == {"jobs[0].dependsOn": "x → x goes round in a circle."}
    assert faults(services, admin, named(str(other)))["jobs[0].ref"].endswith("reads as the id of a job; use a name.")
    with pytest.raises(InvalidInput, match="single job"):
        services.jobs.create(admin, named("alone"))
    with pytest.raises(InvalidInput, match="must be ids of jobs; 'a' is none"):
        services.jobs.create(admin, NewJob("echo", {}, depends_on=("a",)))


def test_jobs_of_another_organisation_are_not_there(services: Services, admin: Actor, stranger: Actor) -> None:
    theirs = services.jobs.create(stranger, NewJob("echo", {}))[0]
    assert faults(services, admin, named("a", theirs.id)) == {"jobs[0].dependsOn": f"There is no job {theirs.id}."}


def test_a_repeat_with_other_dependencies_is_another_request(services: Services, admin: Actor) -> None:
    jobs = [named("a"), named("b", "a")]
    ids, created = services.jobs.create_many(admin, jobs, idempotency_key="k")
    assert created
    assert services.jobs.create_many(admin, jobs, idempotency_key="k") == (ids, False)
    for changed in ([named("a", "b"), named("b")], [named("a"), named("b", "a", on_parent_failure="fail")]):
        with pytest.raises(Conflict, match="another request"):
            services.jobs.create_many(admin, changed, idempotency_key="k")
    parent = ids[0]
    one, _ = services.jobs.create(admin, NewJob("echo", {}, depends_on=(parent,)), idempotency_key="one")
    again, created = services.jobs.create(admin, NewJob("echo", {}, depends_on=(parent,)), idempotency_key="one")
    assert (again.id, created) == (one.id, False)
    with pytest.raises(Conflict, match="another request"):
        services.jobs.create(admin, NewJob("echo", {}, depends_on=(ids[1],)), idempotency_key="one")


def test_a_graph_of_10_000_jobs_and_50_000_edges_is_created_by_few_statements(
    services: Services, admin: Actor, house: House, drain: Drain, connection: psycopg.Connection[Any]
) -> None:
    draw = random.Random(7)
    jobs = [named(f"j{n}", *(f"j{parent}" for parent in draw.sample(range(n), min(n, 5)))) for n in range(10_000)]
    edges = sum(len(new.depends_on or ()) for new in jobs)
    draw.shuffle(jobs)
    with counting() as seen:
        ids, _ = services.jobs.create_many(admin, jobs)
    assert len(seen) == 3, seen
    assert len(ids) == 10_000
    found = connection.execute("SELECT count(*) FROM job_dependencies").fetchone()
    assert found == (edges,)
    assert edges > 49_900
    found = connection.execute("SELECT sum(blockers), count(*) FILTER (WHERE due) FROM job_queue").fetchone()
    assert found == (edges, 1)
    # As autovacuum would have done by then.
    connection.execute("ANALYZE")
    _ends_cost_what_they_release(house, drain, connection)


class Reads:
    """The last follower: how many rows the advancer's transaction has read so far, of all tables."""

    def __init__(self, session: DbSession) -> None:
        self.session, self.rows = session, list[int]()

    def absorb(self, ended: Sequence[EndedJob]) -> None:
        read = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"
        self.rows.append(self.session.execute(text(read)).scalar_one())


def _ends_cost_what_they_release(house: House, drain: Drain, connection: psycopg.Connection[Any]) -> None:
    """Of 10,000 jobs that wait, each end reads its own dependents, a few times, and no others."""
    children = "SELECT count(*) FROM job_dependencies WHERE parent_id = ANY(%s)"
    with open_use_cases(house, "test advancer") as (own, session):
        followers, clocks = followers_of(own)
        reads = Reads(session)
        advancer = Advancer(session, [*followers, reads], clocks)
        settled = 0
        for _ in range(5):
            drain("echo")
            ended = [row[0] for row in connection.execute("SELECT job_id FROM job_outbox")]
            settled += len(ended) + (connection.execute(children, [ended]).fetchone() or (0,))[0]
            assert advancer.advance() == len(ended)
        assert 100 < settled < 500
        # PostgreSQL counts on from one transaction to the next, until it reports.
        assert max(reads.rows) < 20 * settled
