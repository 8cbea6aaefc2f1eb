"""The place in the queue is that in the line of the job's organisation, and costs little however many wait."""

from __future__ import annotations

import random
import time
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.store import jobs
from jobsapp.store.jobs import PLACES_COUNTED, waiting_places
from tests.store import rows
from tests.store.workers import hands

Connection = psycopg.Connection[Any]


@pytest.mark.parametrize("seed", range(12))
def test_each_job_starts_after_as_many_of_its_organisation_as_told(
    settings: Settings, connection: Connection, seed: int
) -> None:
    """Whatever the others have, and however many workers take turns and take several at once."""
    draw = random.Random(seed)
    everybody = [rows.insert_organization(connection) for _ in range(draw.randint(1, 6))]
    for _ in range(3):
        for organization in everybody:
            for priority in draw.sample(range(-3, 4), 3):
                rows.insert_many(connection, organization, draw.choice((0, 0, 1, 3, 12)), priority=priority)
    told = waiting_places(connection, list(rows.queued(connection)))
    started: dict[UUID, list[UUID]] = {one: [] for one in everybody}
    with hands(settings.database_url, draw.choice((1, 3))) as working:
        for hand in working:
            hand.last = draw.choice(everybody)
        while sum(map(len, started.values())) < len(told):
            for job in draw.choice(working).claim(draw.choice((1, 1, 8))):
                started[job.organization_id].append(job.id)
    for of_one in started.values():
        assert [told[job_id] for job_id in of_one] == list(range(len(of_one)))


def test_counting_ends_at_so_many_jobs_or_priorities(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others could make a million priorities: whoever is behind those is told no place, as behind very many jobs."""
    monkeypatch.setattr(jobs, "PLACES_COUNTED", 5)
    ours, theirs = rows.insert_organization(connection), rows.insert_organization(connection)

    def places(organization: UUID) -> list[int]:
        found = connection.execute("SELECT job_id FROM job_queue WHERE organization_id = %s", [organization]).fetchall()
        return sorted(waiting_places(connection, [row[0] for row in found]).values())

    rows.insert_many(connection, ours, 8)
    assert places(ours) == [0, 1, 2, 3, 4, 5, 5, 5]
    for priority in range(1, 5):
        rows.insert_many(connection, theirs, 1, priority=priority)
    assert places(ours) == [0, 1, 2, 3, 4, 5, 5, 5]
    rows.insert_many(connection, theirs, 1, priority=9)
    rows.insert_many(connection, theirs, 1, priority=8)
    assert places(ours) == [5] * 8


def test_a_page_is_cheap_among_a_hundred_thousand(settings: Settings, connection: Connection) -> None:
    """As the web asks: on a connection without the settings of a worker's."""
    largest = rows.insert_organization(connection)
    rows.insert_many(connection, largest, 100_000)
    for _ in range(99):
        rows.insert_many(connection, rows.insert_organization(connection), 20)
    newest = "SELECT job_id FROM job_queue WHERE organization_id = %s ORDER BY run_at DESC, job_id DESC LIMIT 50"
    last = [row[0] for row in connection.execute(newest, [largest]).fetchall()]
    with psycopg.connect(settings.database_url, autocommit=True) as web:
        took = []
        for _ in range(3):
            begin = time.perf_counter()
            told = waiting_places(web, last)
            took.append(time.perf_counter() - begin)
    assert set(told.values()) == {PLACES_COUNTED}
    print("page of places:", took)
    assert min(took) < 0.5
