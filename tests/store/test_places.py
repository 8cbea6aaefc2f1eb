"""The place in the queue that is told is never too good, and costs little however many wait."""

from __future__ import annotations

import random
import time
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.store.jobs import PLACES_COUNTED, waiting_places
from tests.store import rows
from tests.store.workers import Hand, hands

Connection = psycopg.Connection[Any]


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("seed", range(6))
def test_no_job_starts_later_than_told(
    settings: Settings, connection: Connection, workers: int, batch: int, seed: int
) -> None:
    """But for a batch, which gives one organisation what others leave over."""
    draw = random.Random(seed)
    everybody = [rows.insert_organization(connection) for _ in range(draw.randint(1, 6))]
    for _ in range(3):
        for organization in everybody:
            for priority in (0, 1):
                rows.insert_many(connection, organization, draw.choice((0, 0, 1, 3, 12)), priority=priority)
    told = waiting_places(connection, list(rows.queued(connection)), workers=workers)
    started: list[UUID] = []
    with hands(settings.database_url, workers) as working:
        for hand in working:
            hand.last = draw.choice(everybody)
        while len(started) < len(told):
            hand = draw.choice(working)
            started += [job.id for job in hand.claim(draw.choice((1, batch)))]
    late = [(place, told[job_id]) for place, job_id in enumerate(started) if place > told[job_id] + batch - 1]
    assert late == []


def test_places_of_one_organisation_are_exact(connection: Connection) -> None:
    organization = rows.insert_organization(connection)
    for priority in (0, 2, 1):
        rows.insert_many(connection, organization, 7, priority=priority)
    told = waiting_places(connection, list(rows.queued(connection)), workers=4)
    ran = [job.id for job in Hand(connection, "hand").drain(4)]
    assert [told[job_id] for job_id in ran] == list(range(21))


def test_a_page_is_cheap_among_a_hundred_thousand(settings: Settings, connection: Connection) -> None:
    """As the web asks: on a connection without the settings of a worker's."""
    for number in (100_000, *[20] * 99):
        rows.insert_many(connection, rows.insert_organization(connection), number)
    last = [
        row[0] for row in connection.execute("SELECT job_id FROM job_queue ORDER BY run_at DESC LIMIT 50").fetchall()
    ]
    with psycopg.connect(settings.database_url, autocommit=True) as web:
        took = []
        for _ in range(3):
            begin = time.perf_counter()
            told = waiting_places(web, last)
            took.append(time.perf_counter() - begin)
    assert set(told.values()) <= set(range(PLACES_COUNTED + 1))
    assert PLACES_COUNTED in told.values()
    print("page of places:", took)
    assert min(took) < 0.5
