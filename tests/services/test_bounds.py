"""A service that forgets whose rows it wants finds none of another organisation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from flask_openapi3 import OpenAPI
from sqlalchemy import delete, event, func, select, update
from sqlalchemy.orm import aliased, joinedload, selectinload

from jobsapp.core.actors import Actor, Guest
from jobsapp.core.ids import new_id
from jobsapp.extensions import Base, db
from jobsapp.models import Job, JobLog, JobPreset, JobToken, Membership, Organization, StoredFile, User
from jobsapp.services import Services
from jobsapp.services.bounds import FREE, bounded_mappers, condition
from jobsapp.services.jobs import NewJob
from jobsapp.services.sessions import release
from tests.api.conftest import Caller, Hand, as_member, as_stranger, caller, hand

__all__ = ["as_member", "as_stranger", "caller", "hand"]


@pytest.fixture
def theirs(services: Services, member: Actor, hand: Hand) -> Job:
    """A job of the first organisation that has left something in many tables."""
    job, _ = services.jobs.create(member, NewJob("echo", {"text": "secret"}))
    services.job_tokens.create(member, job.id, "embed")
    claimed = hand.claim()
    hand.log(claimed)
    hand.connection.execute(
        """INSERT INTO job_logs (job_id, attempt, level, message) VALUES (%s, 1, 'info', 'secret')""", [job.id]
    )
    hand.connection.execute(
        """INSERT INTO files (id, organization_id, job_id, attempt, name, size, media_type, sha256)
           VALUES (%s, %s, %s, 1, 'secret', 1, 'text/plain', '')""",
        [new_id(), member.organization_id, job.id],
    )
    job = services.jobs.get(member, job.id)
    db.session.expunge_all()
    db.session.rollback()
    return job


@pytest.fixture
def bind(services: Services) -> Iterator[Callable[[Actor | Guest], None]]:
    yield services.bounds.bind
    services.bounds.clear()


class Forgetful:
    """A service as nobody should write it: no statement says whose rows it wants."""

    def statements(self) -> list[Any]:
        other = aliased(Job)
        newest = aliased(Job, select(Job).order_by(Job.id.desc()).limit(5).subquery())
        return [
            select(Job),
            select(Job.name),
            select(other.name),
            select(newest.name),
            select(StoredFile),
            select(JobLog.message),
            select(JobToken.secret_hash),
            select(User.email),
            select(Organization.name),
            select(JobLog.message).join(Job, Job.id == JobLog.job_id),
            select(func.max(User.email)).having(func.count() > 0),
            select(Job.id).where(Job.id.in_(select(JobLog.job_id))),
            select(Job).options(selectinload(Job.artifacts), joinedload(Job.past_attempts)),
            select(select(Job.id).subquery()),
        ]


def test_who_forgets_the_bound_finds_nothing_of_others(
    theirs: Job, stranger: Actor, member: Actor, bind: Callable[[Actor], None]
) -> None:
    own = {("stranger@elsewhere",), ("elsewhere",)}
    for number, statement in enumerate(Forgetful().statements()):
        bind(stranger)
        found = {tuple(row) for row in db.session.execute(statement).unique()}
        assert found <= own, f"statement {number} found {found}"
        db.session.expunge_all()
        bind(member)
        assert {tuple(row) for row in db.session.execute(statement).unique()} - own, f"statement {number} found nothing"
        db.session.expunge_all()


def test_what_is_got_by_its_key_or_through_another_is_bounded(
    theirs: Job, stranger: Actor, services: Services, bind: Callable[[Actor], None]
) -> None:
    file_id = services.jobs.get(Actor(theirs.id, theirs.organization_id, "", "member"), theirs.id).artifacts[0].id
    db.session.expunge_all()
    bind(stranger)
    assert db.session.get(Job, theirs.id) is None
    assert db.session.get(StoredFile, file_id) is None
    services.bounds.clear()
    found = db.session.get_one(Job, theirs.id)
    bind(stranger)
    assert found.artifacts == []


def test_who_forgets_the_bound_changes_nothing_of_others(
    theirs: Job, stranger: Actor, bind: Callable[[Actor], None], hand: Hand
) -> None:
    bind(stranger)
    db.session.execute(update(Job).values(name="taken"))
    db.session.execute(delete(JobToken))
    db.session.execute(delete(JobLog))
    db.session.execute(delete(JobPreset))
    db.session.execute(update(Membership).where(Membership.role == "member").values(role="admin"))
    db.session.commit()
    left = "SELECT (SELECT name FROM jobs), (SELECT count(*) FROM job_tokens), (SELECT count(*) FROM job_logs)"
    assert hand.connection.execute(left).fetchone() == (theirs.name, 1, 1)
    assert hand.connection.execute("SELECT count(*) FROM memberships WHERE role = 'member'").fetchone() == (1,)


def test_a_guest_reaches_one_job_and_nothing_around_it(
    theirs: Job, services: Services, member: Actor, bind: Callable[[Guest], None]
) -> None:
    services.jobs.create(member, NewJob("echo", {}))
    db.session.expunge_all()
    bind(Guest(new_id(), theirs.id, theirs.organization_id))
    assert set(db.session.scalars(select(Job.id))) == {theirs.id}
    assert len(db.session.scalars(select(StoredFile)).all()) == 1
    assert len(db.session.scalars(select(JobLog)).all()) == 1
    assert db.session.scalars(select(User.id)).all() == []
    bind(Guest(new_id(), new_id(), theirs.organization_id))
    assert db.session.scalars(select(Job.id)).all() == []


def test_a_session_that_gives_its_connection_back_stays_bound(
    theirs: Job, stranger: Actor, services: Services, bind: Callable[[Actor], None]
) -> None:
    bind(stranger)
    release(db.session)  # type: ignore[arg-type]
    assert db.session.scalars(select(Job.id)).all() == []
    services.bounds.clear()
    assert db.session.scalars(select(Job.id)).all() == [theirs.id]


def test_each_request_asks_for_whoever_sent_it(
    app: OpenAPI,
    services: Services,
    theirs: Job,
    as_member: Caller,
    as_stranger: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[UUID | None] = []

    def look(response: Any) -> Any:
        bound = db.session().info.get("jobsapp.bound")
        seen.append(bound and bound[0])
        return response

    # Not by the decorator: the application has answered requests of other tests.
    monkeypatch.setitem(app.after_request_funcs, None, [*app.after_request_funcs[None], look])
    as_stranger("GET", "/api/jobs")
    Caller(app.test_client())("GET", "/api/jobs")
    as_member("GET", "/api/jobs")
    as_member("POST", "/api/files", data={"file": (BytesIO(b"x"), "x")})
    assert len({*seen}) == 3
    assert seen[1] is None
    assert seen[2] == seen[3] == theirs.organization_id
    services.bounds.clear()
    with app.test_client() as client:
        client.get("/api/jobs", headers={"Authorization": f"Bearer {as_stranger.token}"})
    assert "jobsapp.bound" not in db.session().info


def test_statements_are_compiled_once_for_all_organisations(
    theirs: Job, stranger: Actor, member: Actor, bind: Callable[[Actor], None]
) -> None:
    compiled: list[str] = []

    def note(_connection: Any, _cursor: Any, _sql: str, _values: Any, context: Any, _many: bool) -> None:
        compiled.append(context.cache_hit.name)

    event.listen(db.engine, "before_cursor_execute", note)
    for actor in (stranger, member, stranger):
        bind(actor)
        db.session.scalars(select(Job).where(Job.id.in_([theirs.id]), Job.name != "once").limit(7)).all()
    event.remove(db.engine, "before_cursor_execute", note)
    assert compiled == ["CACHE_MISS", "CACHE_HIT", "CACHE_HIT"]


def test_every_table_is_bounded_or_says_why_not() -> None:
    mapped = {mapper.class_ for mapper in Base.registry.mappers if mapper.class_.__module__.startswith("jobsapp.")}
    assert {mapper.class_ for mapper in bounded_mappers()} == mapped - FREE.keys()
    for model in mapped - FREE.keys():
        condition(model, model, func.gen_random_uuid())
