"""Whose jobs may be asked for: who is or was here, and who has jobs here."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.core.filters import JobFilter
from jobsapp.core.ids import new_id
from jobsapp.errors import InvalidInput
from jobsapp.extensions import db
from jobsapp.services import Services, listing
from jobsapp.services.jobs import NewJob
from jobsapp.store.tallies import fold


def test_who_is_nobody_here_has_no_jobs_here(
    services: Services, admin: Actor, member: Actor, stranger: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of somebody's jobs elsewhere would tell that there are some, and when they were made."""
    monkeypatch.setattr(listing, "WINDOW", 1)
    for _ in range(3):
        services.jobs.create(member, NewJob("echo", {}))
    asked = services.filters.user_id
    assert asked(admin, str(member.user_id)) == member.user_id
    assert asked(admin, str(admin.user_id)) == admin.user_id
    for unknown in (str(member.user_id), str(new_id())):
        wanted = JobFilter(user_id=asked(stranger, unknown))
        assert services.jobs.page(stranger, wanted) == ([], None)
    # Who has left and has jobs here is found all the same.
    guest = services.identity.create_user("guest@third", organization="third")
    (job, *_), _ = services.jobs.page(admin, JobFilter(user_id=member.user_id))
    assert asked(admin, str(guest.id)) != guest.id
    job.user_id = guest.id
    db.session.commit()
    assert asked(admin, str(guest.id)) == guest.id


def test_jobs_of_who_came_from_elsewhere_and_left_are_found_by_their_address(
    services: Services, admin: Actor, stranger: Actor, connection: psycopg.Connection[Any]
) -> None:
    services.memberships.add(admin.organization_id, stranger.user_id, "member")
    guest = services.identity.get_actor(stranger.user_id, admin.organization_id)
    services.jobs.create(guest, NewJob("echo", {}))
    services.memberships.remove(admin.organization_id, stranger.user_id)
    fold(connection)
    services.bounds.bind(admin)
    assert services.filters.user_id(admin, stranger.email.upper()) == stranger.user_id
    assert services.filters.read(admin, {"user": stranger.email}).faults == []


def test_whoever_never_had_a_job_here_is_not_found(services: Services, admin: Actor, stranger: Actor) -> None:
    services.jobs.create(stranger, NewJob("echo", {}))
    with pytest.raises(InvalidInput, match="there is nobody"):
        services.filters.user_id(admin, stranger.email)
