"""Texts are found in lists however old the job is, by the index and without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.core.filters import JobFilter
from jobsapp.core.ids import first_id_at
from jobsapp.services import Services, listing, texts
from jobsapp.store import texts as store
from tests.services.lists import jobs_of_years, pages


@pytest.fixture
def years(services: Services, admin: Actor, stranger: Actor, connection: psycopg.Connection[Any]) -> list[UUID]:
    return jobs_of_years(connection, admin, stranger)


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index of texts is asked after a handful of jobs, and has all the time it needs."""
    monkeypatch.setattr(listing, "FIRST_WINDOW", 5)
    monkeypatch.setattr(texts, "SECONDS", 60)


@pytest.mark.usefixtures("early")
def test_a_text_is_found_however_old_the_job(services: Services, admin: Actor, years: list[UUID]) -> None:
    assert len(years) == 7
    found, more = services.jobs.page(admin, JobFilter(text="needle"), limit=200)
    # In one page, up to where the index was asked last; what is older is on the next.
    assert [job.id for job in found] == years[: len(found)]
    assert len(found) >= 4
    assert more is not None
    last, after = services.jobs.page(admin, JobFilter(text="needle"), before=more, limit=200)
    assert [job.id for job in found + last] == years
    assert after is None
    assert [[one.id for one in page] for page in pages(services, admin, JobFilter(text="NEEDLE"), limit=4)] == [
        years[:4],
        years[4:],
    ]
    since = datetime.fromtimestamp(1_600_000_000 + 550 * 2 * 86400, UTC)
    recent, more = services.jobs.page(admin, JobFilter(text="needle", created_after=since))
    assert [job.id for job in recent] == [one for one in years if one >= first_id_at(since)]
    assert more is None


def test_the_index_tells_where_a_text_begins(
    services: Services, admin: Actor, years: list[UUID], connection: psycopg.Connection[Any]
) -> None:
    newest = store.stretch_of(years[0])

    def first(like: str, stretches: range) -> int | None:
        return store.first_stretch(connection, admin.organization_id, like, stretches, 60)

    assert first("%needle%", range(newest + 40, newest - 40, -1)) == newest
    assert first("%needle%", range(newest - 1, newest - 60, -1)) == store.stretch_of(years[1])
    assert first("%needle%", range(newest + 40, newest, -1)) is None
    assert first("%xylophone%", range(newest + 40, 0, -1)[:100]) is None
    # Out of time.
    assert store.first_stretch(connection, admin.organization_id, "%needle%", [newest], 0) is None


@pytest.mark.parametrize(("crowd_seconds", "most"), [(60, 8), (0, 12)])
def test_what_is_crowded_is_walked(
    services: Services,
    admin: Actor,
    years: list[UUID],
    monkeypatch: pytest.MonkeyPatch,
    crowd_seconds: float,
    most: int,
) -> None:
    """The index has no time for what it finds, nor maybe to tell where, and yet no page is lost, nor a job."""
    monkeypatch.setattr(listing, "FIRST_WINDOW", 40)
    monkeypatch.setattr(texts, "SECONDS", 0)
    monkeypatch.setattr(texts, "CROWD_SECONDS", crowd_seconds)
    found = pages(services, admin, JobFilter(text="needle"), limit=2)
    assert [job.id for page in found for job in page] == years
    # Where the first walk finds nothing there is a second, if it is known from where on.
    assert len(found) <= most


@contextmanager
def without_index(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """As where PostgreSQL lacks the extensions."""
    valid = "UPDATE pg_index SET indisvalid = %s WHERE indexrelid = 'jobs_by_text'::regclass"
    connection.execute(valid, [False])
    yield
    connection.execute(valid, [True])


def test_without_the_index_a_text_is_looked_for_along_the_jobs(
    services: Services,
    admin: Actor,
    years: list[UUID],
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "WINDOW", 50)
    monkeypatch.setattr(listing, "FIRST_WINDOW", 5)
    monkeypatch.setattr(texts, "SECONDS", 60)
    found, more = services.jobs.page(admin, JobFilter(text="needle"), limit=3)
    assert [job.id for job in found] == years[:3]
    with without_index(connection):
        found, more = services.jobs.page(admin, JobFilter(text="needle"), limit=3)
        assert [job.id for job in found] == years[:1]
        assert more is not None
        everything = pages(services, admin, JobFilter(text="needle"))
    assert [job.id for page in everything for job in page] == years
