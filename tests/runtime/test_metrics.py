"""What a job measures, from the processor to the table."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.points import Point
from jobsapp.errors import NotFound
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store.metrics import add_metrics

Drain = Callable[[str], int]


@pytest.fixture
def measured(services: Services, admin: Actor, drain: Drain) -> UUID:
    job, _ = services.jobs.create(admin, NewJob("measure", {"steps": 4}))
    assert drain("measure") == 1
    return job.id


def test_all_points_are_there_when_the_job_is_done(services: Services, admin: Actor, measured: UUID) -> None:
    assert services.jobs.metrics(admin, measured) == {
        "loss/train": [(0, 1), (1, 1 / 2), (2, 1 / 3), (3, 1 / 4)],
        "loss/validation": [(0, 2), (1, 1), (2, 2 / 3), (3, 1 / 2)],
    }


def test_an_attempt_that_goes_on_makes_one_series_of_two(services: Services, admin: Actor, drain: Drain) -> None:
    job, _ = services.jobs.create(admin, NewJob("measure", {"steps": 8, "dies_at": 5}))
    while services.jobs.get(admin, job.id).status != "completed":
        drain("measure")
    line = services.jobs.metrics(admin, job.id)["loss/train"]
    assert [step for step, _ in line] == list(range(8))


def test_an_attempt_that_lost_its_job_measures_nothing(
    services: Services, admin: Actor, settings: Settings, measured: UUID
) -> None:
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url) as connection:
        add_metrics(connection, measured, 1, [Point("late", 0, 0)])
    assert "late" not in services.jobs.metrics(admin, measured)


def test_they_go_with_their_job(services: Services, admin: Actor, settings: Settings, measured: UUID) -> None:
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("UPDATE jobs SET completed_at = now() - interval '40 days' WHERE status = 'completed'")
        connection.commit()
        services.cleanup.for_organization(admin, days=30)
        assert connection.execute("SELECT count(*) FROM job_metrics").fetchone() == (0,)


def test_only_the_organisation_reads_them(services: Services, stranger: Actor, measured: UUID) -> None:
    with pytest.raises(NotFound):
        services.jobs.metrics(stranger, measured)
