"""A web server with jobs to show, and hands that move them as workers do."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psutil
import psycopg

from benchmarks.stage import ROOT, free_port, processes, until
from jobsapp import create_app
from jobsapp.bus import connection as redis_connection
from jobsapp.bus.hints import Hints
from jobsapp.config import Settings, variable
from jobsapp.core.events import Event, JobChanged
from jobsapp.extensions import db
from jobsapp.services.jobs import NewJob
from jobsapp.store import jobs as store
from jobsapp.store import turns

GUNICORN = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "jobsapp" / "live" / "gunicorn.py")]
LEASE_SECONDS = 600.0
TOTAL = 1_000_000
STEP = """
UPDATE jobs SET progress_current = coalesce(progress_current, 0) + 1, progress_total = %s, progress_message = 'Working',
  updated_at = now(), revision = revision + 1
WHERE id = ANY(%s) RETURNING id, organization_id, revision
"""


class Site:
    """The product on a free port, and its services in this process, as the owner of all jobs."""

    def __init__(self, settings: Settings) -> None:
        port = free_port()
        self.settings = settings.model_copy(update={"port": port})
        self.address = f"127.0.0.1:{port}"
        self.hints = Hints(redis_connection.hints(settings.redis_url))
        self._app = create_app(self.settings)
        with self._app.app_context():
            self._services = self._app.extensions["jobsapp"]
            self._actor = self._services.identity.get_actor(self._services.identity.bootstrap().id)
            self.token: str = self._services.identity.create_token(self._actor.email, "bench")
            db.session.remove()

    def create(self, kind: str, jobs: int = 1, **data: Any) -> list[UUID]:
        with self._app.app_context():
            ids = [self._services.jobs.create(self._actor, NewJob(kind, data))[0].id for _ in range(jobs)]
            db.session.remove()
        return ids

    def login_link(self) -> str:
        with self._app.app_context():
            secret = self._services.identity.create_login_secret(self._actor.email)
            db.session.remove()
        return f"{self.settings.base_url}/login/{secret}"

    def begin(self, kind: str, count: int) -> list[store.ClaimedJob]:
        """Make jobs and take them as a worker does, without one."""
        self.create(kind, count)
        claimed: list[store.ClaimedJob] = []
        with psycopg.connect(self.settings.database_url) as connection:
            while len(claimed) < count:
                claimed += turns.claim_jobs(connection, kind, worker="bench", lease_seconds=LEASE_SECONDS)
        return claimed

    def progress_of_many(self, connection: psycopg.Connection[Any], job_ids: list[UUID]) -> None:
        """As the pulses of many workers, but in one statement, so that it leaves the machine to what is measured."""
        rows = connection.execute(STEP, [TOTAL, job_ids]).fetchall()
        for job_id, organization_id, revision in rows:
            self.hints.publish([JobChanged(job_id, organization_id, Event.UPDATE, revision)])

    def progress(self, connection: psycopg.Connection[Any], job: store.ClaimedJob, step: int) -> None:
        """As the pulse of a worker: one statement and one message. The connection commits by itself."""
        pulse = store.Pulse(step, TOTAL, f"Step {step}", changed=True)
        beat = store.pulse_job(connection, job.id, job.attempt, pulse, lease_seconds=LEASE_SECONDS)
        assert beat is not None
        self.hints.publish([JobChanged(job.id, job.organization_id, Event.UPDATE, beat.revision)])

    @contextmanager
    def web(self, *options: str) -> Iterator[psutil.Process]:
        """gunicorn with one worker process; yields that."""
        given = {variable(name): str(value) for name, value in self.settings.model_dump().items() if value}
        bind = ["--bind", self.address, "--no-control-socket", "--graceful-timeout", "5"]
        with processes([[*GUNICORN, *options, *bind, "app:app"]], given) as check:
            until(lambda: answers(f"http://{self.address}/readyz"), check=check)
            yield worker_of(self.address)


def worker_of(address: str) -> psutil.Process:
    """The only worker of the gunicorn that listens there."""
    masters = [one for one in psutil.Process().children() if address in one.cmdline()]
    (worker,) = masters[0].children()
    return worker


def memory(process: psutil.Process) -> int:
    """Bytes in RAM."""
    return int(process.memory_info().rss)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
