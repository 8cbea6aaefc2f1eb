"""Tokens that open one job: who makes them, how long they live, what they open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from jobsapp.core.actors import Actor, Guest
from jobsapp.errors import InvalidInput, NotFound
from jobsapp.models import Job
from jobsapp.services import Services
from jobsapp.services.job_tokens import EMBED, LIFETIMES, SHARE, SHOWN
from jobsapp.services.jobs import JobFilter, NewJob, may_read
from jobsapp.services.many_changes import Chosen

Db = psycopg.Connection[Any]


@pytest.fixture
def job(services: Services, member: Actor) -> Job:
    return services.jobs.create(member, NewJob("echo", {"text": "secret"}))[0]


def find(services: Services, text: str, kind: str = EMBED) -> Guest | None:
    return services.job_tokens.find(text, kind)


def test_only_a_hash_is_kept(services: Services, member: Actor, job: Job, connection: Db) -> None:
    token, text = services.job_tokens.create(member, job.id, EMBED)
    assert find(services, text) == Guest(token.id, job.id, member.organization_id)
    row = str(connection.execute("SELECT * FROM job_tokens").fetchall())
    assert text not in row
    assert text.removeprefix("jobsapp-job_") not in row
    assert find(services, text + "x") is None
    assert find(services, "") is None


def test_the_two_kinds_are_never_taken_for_each_other(services: Services, member: Actor, job: Job) -> None:
    _, embedded = services.job_tokens.create(member, job.id, EMBED)
    _, shared = services.job_tokens.create(member, job.id, SHARE)
    assert find(services, embedded, SHARE) is None
    assert find(services, shared, EMBED) is None
    assert find(services, shared, SHARE) is not None


@pytest.mark.parametrize(("kind", "usual"), [(EMBED, timedelta(hours=1)), (SHARE, timedelta(days=7))])
def test_how_long_they_live(services: Services, member: Actor, job: Job, kind: str, usual: timedelta) -> None:
    token, _ = services.job_tokens.create(member, job.id, kind)
    assert abs(token.expires_at - datetime.now(UTC) - usual) < timedelta(minutes=1)
    longest = LIFETIMES[kind].longest
    services.job_tokens.create(member, job.id, kind, lifetime=longest)
    for wrong in (timedelta(seconds=59), longest + timedelta(seconds=1)):
        with pytest.raises(InvalidInput, match="expiresInSeconds: must be from 60"):
            services.job_tokens.create(member, job.id, kind, lifetime=wrong)


def test_an_expired_one_opens_nothing(services: Services, member: Actor, job: Job, connection: Db) -> None:
    token, text = services.job_tokens.create(member, job.id, EMBED)
    assert services.job_tokens.living([token.id]) == {token.id}
    connection.execute("UPDATE job_tokens SET expires_at = now() - interval '1 hour'")
    assert find(services, text) is None
    assert services.job_tokens.living([token.id]) == set()
    assert services.job_tokens.of_job(member, job.id) == []
    assert services.job_tokens.delete_expired() == 1
    assert services.job_tokens.delete_expired() == 0


def test_a_revoked_one_opens_nothing(services: Services, member: Actor, admin: Actor, job: Job) -> None:
    token, text = services.job_tokens.create(member, job.id, EMBED)
    _, other = services.job_tokens.create(member, job.id, EMBED)
    services.job_tokens.revoke(admin, job.id, token.id)
    assert find(services, text) is None
    assert find(services, other) is not None
    with pytest.raises(NotFound, match="revoked already"):
        services.job_tokens.revoke(admin, job.id, token.id)


@pytest.mark.parametrize("gone", ["jobs", "users"])
def test_it_ends_with_the_job_and_with_its_maker(
    services: Services, operator: Actor, admin: Actor, connection: Db, gone: str
) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {}))
    _, text = services.job_tokens.create(operator, job.id, EMBED)
    what = job.id if gone == "jobs" else operator.user_id
    connection.execute(f"DELETE FROM {gone} WHERE id = %s", (what,))  # type: ignore[arg-type]
    assert find(services, text) is None


def test_another_organisation_neither_makes_nor_sees_nor_revokes(
    services: Services, member: Actor, stranger: Actor, job: Job
) -> None:
    token, text = services.job_tokens.create(member, job.id, EMBED)
    tries: list[Callable[[], object]] = [
        lambda: services.job_tokens.create(stranger, job.id, EMBED),
        lambda: services.job_tokens.of_job(stranger, job.id),
        lambda: services.job_tokens.revoke(stranger, job.id, token.id),
        lambda: services.job_tokens.revoke(member, uuid4(), token.id),
    ]
    for one in tries:
        with pytest.raises(NotFound):
            one()
    assert find(services, text) is not None


def test_the_list_says_who_made_them_and_when_they_were_used(services: Services, member: Actor, job: Job) -> None:
    _, text = services.job_tokens.create(member, job.id, SHARE)
    services.job_tokens.create(member, job.id, EMBED)
    (link,) = services.job_tokens.of_job(member, job.id, SHARE)
    assert (link.maker.email, link.last_used_at) == (member.email, None)
    find(services, text, SHARE)
    services.job_tokens._session.expire_all()
    (link,) = services.job_tokens.of_job(member, job.id, SHARE)
    first = link.last_used_at
    assert first is not None
    find(services, text, SHARE)
    services.job_tokens._session.expire_all()
    assert services.job_tokens.of_job(member, job.id, SHARE)[0].last_used_at == first, "written every few minutes"


def test_the_list_is_bounded(services: Services, member: Actor, job: Job) -> None:
    for _ in range(SHOWN + 1):
        token, _ = services.job_tokens.create(member, job.id, EMBED)
    found = services.job_tokens.of_job(member, job.id)
    assert len(found) == SHOWN
    assert found[0].id == token.id


def test_a_guest_reads_one_job_and_what_it_made(services: Services, member: Actor, drain: Callable[[str], int]) -> None:
    received = services.files.receiver()
    received.write(b"input")
    source = services.files.register(member, received, "in.txt")
    mine, _ = services.jobs.create(member, NewJob("make-file", {"source": str(source.id)}))
    other, _ = services.jobs.create(member, NewJob("make-file", {}))
    assert drain("make-file") == 2
    guest = find(services, services.job_tokens.create(member, mine.id, EMBED)[1])
    assert guest is not None

    def made(job_id: UUID) -> UUID:
        return services.jobs.get(member, job_id).artifacts[0].id

    assert services.jobs.get(guest, mine.id).id == mine.id
    assert services.files.get(guest, made(mine.id)).name == "made.txt"
    reads = (services.jobs.get, services.jobs.log, services.jobs.metrics)
    for read in reads:
        with pytest.raises(NotFound):
            read(guest, other.id)
    for file_id in (source.id, made(other.id)):
        with pytest.raises(NotFound):
            services.files.get(guest, file_id)
    assert services.jobs.find(guest, [mine.id, other.id]) == [services.jobs.get(member, mine.id)]
    assert may_read(guest, member.organization_id, mine.id)
    assert not may_read(guest, member.organization_id, other.id)
    assert not may_read(guest, uuid4(), mine.id)


def test_a_guest_sees_no_input_no_traceback_and_nobodys_id(
    services: Services, member: Actor, drain: Callable[[str], int]
) -> None:
    job, _ = services.jobs.create(member, NewJob("fail", {"how": "permanent"}))
    drain("fail")
    whole = services.views.job(services.jobs.get(member, job.id))
    assert whole.error is not None
    assert whole.error.traceback is not None
    seen = whole.seen_by(Guest(uuid4(), job.id, member.organization_id))
    assert seen.error is not None
    assert (seen.error.message, seen.error.traceback) == ("nothing can help", None)
    assert (seen.data, seen.user_id, seen.cancelled_by) == ({}, None, None)
    assert seen.name == whole.name


def test_a_guest_is_no_actor(services: Services, member: Actor, job: Job) -> None:
    """What an actor may do cannot be done with one by oversight, not even where types are not checked."""
    guest: Any = Guest(uuid4(), job.id, member.organization_id)
    calls: list[Callable[[], object]] = [
        lambda: services.jobs.create(guest, NewJob("echo", {})),
        lambda: services.jobs.cancel(guest, job.id),
        lambda: services.stats.view(guest, whole_organization=True),
        lambda: services.cleanup.for_organization(guest, days=0),
        lambda: services.queues.pause(guest, "echo", reason=None),
        lambda: services.job_tokens.create(guest, job.id, SHARE),
        lambda: services.jobs.page(guest, JobFilter()),
        lambda: services.many.apply(guest, "cancel", Chosen((job.id,))),
        lambda: services.workers.all(guest),
        lambda: services.history.past(guest, hours=1, step_seconds=60),
    ]
    for call in calls:
        with pytest.raises(AttributeError):
            call()
        services.jobs._session.rollback()
    other, _ = services.jobs.create(member, NewJob("echo", {}))
    assert services.jobs.get(member, job.id).status == "pending"
    assert services.jobs.get(guest, job.id).id == job.id
    with pytest.raises(NotFound):
        services.jobs.get(guest, other.id)
