"""The running product as a browser meets it, and the hands that move its jobs along."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from flask_openapi3 import OpenAPI
from playwright.sync_api import Browser, Page, Playwright

from jobsapp import create_app
from jobsapp.auth.current import LOGIN
from jobsapp.bus import connection as redis_connection
from jobsapp.bus.hints import Hints
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.events import JobChanged, event_for
from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.extensions import db
from jobsapp.models import Job
from jobsapp.services import Services
from jobsapp.services.jobs import JobFilter, NewJob
from jobsapp.services.views import JobView
from jobsapp.store import jobs as store
from jobsapp.store import turns
from tests.conftest import empty
from tests.processes import Processes, descendants, wait_until

ADMIN = "admin@localhost"
# Without the second half Chromium looks for its maker's servers at every start.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WORKER = "hand"
LEASE = 600.0


class Product:
    """Web server on a port of its own, workers if asked for, and the same services in this process."""

    def __init__(self, settings: Settings, processes: Processes) -> None:
        self.settings = settings
        self.processes = processes
        self.app: OpenAPI = create_app(settings)
        self.hints = Hints(redis_connection.hints(settings.redis_url))
        self.web: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.settings.base_url

    @property
    def services(self) -> Services:
        found: Services = self.app.extensions["jobsapp"]
        return found

    def start_web(self) -> None:
        """Unless it runs."""
        self.web = self.web or self.processes.web(self.settings.port)

    def kill_web(self) -> None:
        """The web server is gone, with its workers, at once."""
        assert self.web is not None
        children = descendants(self.web.pid)
        self.processes.end(self.web, signal.SIGKILL)
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        self.web = None

    @contextmanager
    def working(self) -> Iterator[None]:
        """While a worker and a keeper run."""
        helpers = [
            self.processes.flask("worker", "--queues", "*", "--concurrency", "1"),
            self.processes.flask("keeper"),
        ]
        try:
            wait_until(lambda: (self.hints.listening({"echo"}) or {}).get("echo"), "a worker listens")
            yield
        finally:
            for helper in helpers:
                self.processes.end(helper)

    def empty(self) -> None:
        """As on the first day: nothing but the administrator."""
        empty(self.settings.database_url)
        with self.app.app_context():
            self.services.identity.bootstrap()

    def login_link(self, email: str = ADMIN) -> str:
        with self.app.app_context():
            return f"{self.url}/login/{self.services.identity.create_login_secret(email)}"

    def actor(self, email: str = ADMIN) -> Actor:
        with self.app.app_context():
            actor = self.services.identity.actor(self.services.identity.get_user(email).id)
        assert actor is not None
        return actor

    def create(self, job_type: str, data: dict[str, Any], **more: Any) -> UUID:
        with self.app.app_context():
            job, _ = self.services.jobs.create(self.actor(), NewJob(job_type, data, **more))
            return job.id

    def status(self, job_id: UUID) -> str:
        with self.app.app_context():
            job = db.session.get(Job, job_id)
            assert job is not None
            return job.status

    def newest(self) -> JobView:
        with self.app.app_context():
            (job,), _ = self.services.jobs.page(self.actor(), JobFilter(), limit=1)
            return self.services.views.job(job)

    def claim(self, queue: str) -> store.ClaimedJob:
        """Take a job as a worker does, without one."""
        with psycopg.connect(self.settings.database_url) as connection:
            (job,) = turns.claim_jobs(connection, queue, worker=WORKER, lease_seconds=LEASE)
        self._publish(job.id, Status.ACTIVE, job.organization_id, job.revision)
        return job

    def pulse(self, job: store.ClaimedJob, current: float, total: float | None, message: str, *lines: Any) -> None:
        pulse = store.Pulse(current, total, message, changed=True, lines=tuple(lines))
        with psycopg.connect(self.settings.database_url) as connection:
            beat = store.pulse_job(connection, job.id, job.attempt, pulse, lease_seconds=LEASE)
        assert beat is not None
        self._publish(job.id, Status.ACTIVE, job.organization_id, beat.revision)

    def finish(self, job: store.ClaimedJob, transition: Transition) -> None:
        with psycopg.connect(self.settings.database_url) as connection:
            changed = turns.finish_job(connection, job.id, job.attempt, transition)
        assert changed is not None
        self._publish(job.id, transition.status, job.organization_id, changed.revision)

    def cancel_unseen(self, job_id: UUID) -> None:
        """Cancel a job that waits, and tell nobody."""
        with psycopg.connect(self.settings.database_url) as connection:
            assert store.cancel_job(connection, job_id, user_id=None, reason=None) is not None

    def _publish(self, job_id: UUID, status: Status, organization_id: UUID, revision: int) -> None:
        assert self.hints.publish([JobChanged(job_id, organization_id, event_for(status), revision)])


@contextmanager
def running(settings: Settings) -> Iterator[Product]:
    """A product whose web server answers."""
    with Processes(settings) as processes:
        product = Product(settings, processes)
        product.start_web()
        try:
            yield product
        finally:
            with product.app.app_context():
                db.session.remove()
                db.engine.dispose()


def launch(playwright: Playwright) -> Browser:
    """The system's Chromium, or Playwright's own where there is none.

    The first is without the windows that nobody sees: it takes less than half the processor time.
    """
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    return playwright.chromium.launch(executable_path=found, args=FLAGS)


def sign_in(page: Page, product: Product, email: str = ADMIN) -> None:
    """As one is after following a link to sign in, without the pages on the way there. The page stays where it is."""
    with product.app.app_context(), product.app.test_client() as client:
        with client.session_transaction() as session:
            session[LOGIN] = product.services.logins.start(product.actor(email))
            session.permanent = True
        cookie = client.get_cookie("jobsapp_session")
        db.session.remove()
    assert cookie is not None
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": product.url}])


def csv_file(folder: Path, name: str, rows: int) -> Path:
    """A table of that many rows, about 60 bytes each."""
    path = folder / name
    with path.open("w") as file:
        file.write("id,name,city,amount\n")
        file.writelines(f"{n:08d},person number {n},city {n % 97},{n * 1.25:.2f}\n" for n in range(rows))
    return path
