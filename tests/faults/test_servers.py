"""The servers themselves go away and come back: nothing is lost, and it goes on within seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from jobsapp import create_app
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.embedded.postgres import EmbeddedPostgres
from jobsapp.embedded.valkey import EmbeddedValkey
from jobsapp.extensions import db
from jobsapp.models import Job
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store import schema
from tests.processes import Processes, wait_until


@dataclass
class House:
    """A whole installation on servers of its own."""

    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    services: Services
    actor: Actor

    def create(self, type_name: str, **data: object) -> UUID:
        return self.services.jobs.create(self.actor, NewJob(type_name, data))[0].id

    def start_job(self, processes: Processes, gate: Path) -> UUID:
        """A worker, a keeper and a job of two steps that has begun and waits at its gate."""
        processes.flask("worker", "--queues", "steps,echo", "--concurrency", "1")
        processes.flask("keeper")
        running = self.create("steps", steps=2, gate=str(gate))
        self.wait_for(running, "active")
        return running

    def job(self, job_id: UUID) -> Job:
        db.session.rollback()
        return self.services.jobs.get(self.actor, job_id)

    def wait_for(self, job_id: UUID, status: str, seconds: float = 30) -> None:
        wait_until(lambda: self.job(job_id).status == status, f"the job is {status}", seconds)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with EmbeddedPostgres(tmp_path / "pg") as postgres, EmbeddedValkey(tmp_path / "valkey") as valkey:
        settings = Settings(
            data_dir=tmp_path / "var",
            database_url=postgres.url,
            redis_url=valkey.url,
            processors="tests.sample_processors",
            secret_key="for tests only",
            lease_seconds=3,
        )
        schema.upgrade(settings.sqlalchemy_url)
        app = create_app(settings)
        with app.app_context():
            services: Services = app.extensions["jobsapp"]
            actor = services.identity.get_actor(services.identity.bootstrap().id)
            yield House(postgres, valkey, services, actor)
            db.session.remove()
            db.engine.dispose()


def test_redis_is_stopped_while_jobs_are_made_and_run(house: House, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with Processes(house.services.settings) as processes:
        running = house.start_job(processes, gate)
        house.valkey.stop()
        made = [house.create("echo", text=str(number)) for number in range(3)]
        for step in range(2):
            Path(f"{gate}.{step}").touch()
        house.wait_for(running, "completed")
        assert {house.job(job_id).status for job_id in made} == {"pending"}
        house.valkey.start()
        for job_id in made:
            house.wait_for(job_id, "completed", seconds=15)
        assert house.job(running).attempts == 1


def test_postgresql_is_restarted_under_a_job(house: House, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with Processes(house.services.settings) as processes:
        running = house.start_job(processes, gate)
        db.session.remove()
        house.postgres.stop()
        house.postgres.start()
        for step in range(2):
            Path(f"{gate}.{step}").touch()
        house.wait_for(running, "completed")
        house.wait_for(house.create("echo"), "completed")
