"""A whole installation on servers of its own, a stream of jobs through it, and its books."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import psycopg

from jobsapp import create_app
from jobsapp.config import Settings
from jobsapp.embedded.postgres import EmbeddedPostgres
from jobsapp.embedded.valkey import EmbeddedValkey
from jobsapp.extensions import db
from jobsapp.models import Job
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store import schema
from tests.faults import books
from tests.faults.books import Balance, Note, Recovery, Row
from tests.processes import ROOT, SECONDS, Processes, descendants, wait_until
from tests.store import recount

FAST = {"lease_seconds": 2.0, "stop_grace_seconds": 2.0, "cancel_grace_seconds": 2.0}
WRONG_CLOCK = Path(__file__).parent / "wrong_clock"
QUEUES = "short,long,poison,hungry,glutton,maker,flaky,quiet,told"
ROWS = """SELECT data->>'key', status, attempts, (result->>'attempt')::int FROM jobs WHERE data->>'book' IS NOT NULL"""
UNFINISHED = "SELECT count(*) FROM jobs WHERE status IN ('pending', 'active') AND data->>'book' = %s"
FAILED = "SELECT type, coalesce(error ->> 'type', ''), count(*) FROM jobs WHERE status = 'failed' GROUP BY 1, 2"

Send = Callable[[str, str, dict[str, Any]], None]
"""Creates a job of a type under a key, or raises. The same key again creates nothing more."""


class Stage:
    """PostgreSQL (it keeps what is committed: some faults crash it), Valkey, the application, and a test's processes.

    `template`: a folder of `make_template`, which spares it making a database.
    """

    def __init__(self, folder: Path, template: Path | None = None, **settings: Any) -> None:
        self.postgres = EmbeddedPostgres(folder / "pg")
        self.valkey = EmbeddedValkey(folder / "valkey")
        self._folder, self._template, self._given = folder, template, {**FAST, **settings}
        self._numbers = itertools.count()
        self.book = folder / "book.txt"
        self.sent: dict[str, str] = {}
        self.refused = 0
        self.max_attempts: dict[str, int] = {}
        self.ids: dict[str, UUID] = {}

    def __enter__(self) -> Self:
        self.book.touch()
        with ExitStack() as opened:
            self._open(opened)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def _open(self, opened: ExitStack) -> None:
        if self._template is not None:
            # It becomes ours: as whom the server runs is found out anew for each folder.
            subprocess.run(["cp", "-R", self._template, self.postgres.home], check=True)
        opened.enter_context(self.postgres)
        opened.enter_context(self.valkey)
        self.settings = Settings(
            data_dir=self._folder / "var",
            database_url=self.postgres.url,
            redis_url=self.valkey.url,
            processors="tests.faults.processors",
            secret_key="for tests only",
            **self._given,
        )
        schema.upgrade(self.settings.sqlalchemy_url)
        self.app = create_app(self.settings)
        self.services: Services = self.app.extensions["jobsapp"]
        opened.callback(self._disconnect)
        with self.app.app_context():
            self.actor = self.services.identity.get_actor(self.services.identity.bootstrap().id)
            self.token = self.services.identity.create_token("admin@localhost", "faults")
        self.processes = opened.enter_context(Processes(self.settings))

    def _disconnect(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def worker(self, concurrency: int = 1, queues: str = QUEUES, **environment: str) -> subprocess.Popen[bytes]:
        """Start a pool of workers and wait until each has its work-horse."""
        pool = self.processes.flask("worker", "--queues", queues, "--concurrency", str(concurrency), **environment)
        wait_until(lambda: len(descendants(pool.pid)) >= 2 * concurrency, "the workers are there")
        return pool

    def keeper(self, **environment: str) -> subprocess.Popen[bytes]:
        return self.processes.flask("keeper", **environment)

    def send(self, type_name: str, *, ends: str = "completed", send: Send | None = None, **data: Any) -> str:
        """Send a job and say how it must end. A sender that fails is asked again, as a client would. Its key."""
        key = f"{type_name}-{next(self._numbers)}"
        while True:
            try:
                (send or self.create)(type_name, key, {"book": str(self.book), "key": key, **data})
            except Exception:
                self.refused += 1
                time.sleep(0.05)
            else:
                self.sent[key] = ends
                return key

    def create(self, type_name: str, key: str, data: dict[str, Any]) -> None:
        """Create a job through the services, in any thread."""
        with self.app.app_context():
            new = NewJob(type_name, data, max_attempts=self.max_attempts.get(type_name))
            job, _ = self.services.jobs.create(self.actor, new, idempotency_key=key)
            self.ids[key] = job.id

    @contextmanager
    def load(
        self, *, send: Send | None = None, pause: float = 0.02, long_every: int = 75, seconds: float = 1.0
    ) -> Iterator[None]:
        """Short jobs all the time, and now and then one of some seconds, until the block is left."""
        over = threading.Event()

        def run() -> None:
            for number in itertools.count():
                if over.wait(pause):
                    return
                if number % long_every == long_every // 2:
                    self.send("long", send=send, seconds=seconds)
                else:
                    self.send("short", send=send)

        thread = threading.Thread(target=run, name="load")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def status(self, key: str) -> str:
        return self.rows()[key].status

    def retry(self, key: str) -> None:
        with self.app.app_context():
            self.services.jobs.retry(self.actor, self.ids[key])

    def job(self, key: str) -> Job:
        """The job as the API shows it, with its history."""
        with self.app.app_context():
            job = self.services.jobs.get(self.actor, self.ids[key])
            assert (job.history, job.artifacts) is not None
            db.session.expunge_all()
            return job

    def notes(self) -> list[Note]:
        return books.read(self.book)

    def wait_for_start(self, key: str, attempt: int = 1) -> Note:
        """Wait until it has noted its start for that time. What was handed back unstarted has a number and no note."""

        def find() -> list[Note]:
            return [one for one in self.notes() if one[:2] == (books.START, key)]

        wait_until(lambda: len(find()) >= attempt, f"attempt {attempt} of {key} runs")
        return find()[attempt - 1]

    def begun(self) -> Counter[str]:
        """How often each job began."""
        return Counter(one.key for one in self.notes() if one.event == books.START)

    def wait_for_load(self, jobs: int = 10) -> None:
        """Wait until so many more jobs have begun: the load is there, and workers run it."""
        before = len(self.notes())
        wait_until(lambda: len(self.notes()) >= before + 2 * jobs, f"{jobs} more jobs ran")

    def close_books(self, seconds: float = SECONDS) -> Balance:
        """Wait until every job is finished, and count."""
        with psycopg.connect(self.settings.database_url, autocommit=True) as connection:

            def finished() -> bool:
                row = connection.execute(UNFINISHED, [str(self.book)]).fetchone()
                return row == (0,)

            wait_until(finished, "all jobs are finished", seconds)
        return self.balance()

    def balance(self) -> Balance:
        balance = books.reconcile(self.sent, self.rows().values(), self.notes())
        balance.miscounted = self.miscounted()
        return balance

    def miscounted(self) -> list[str]:
        """What the counters of jobs say, beside a recount: of all jobs, and of the ends that came to stay.

        And which jobs that failed or were cancelled are not listed as such.
        """
        with psycopg.connect(self.settings.database_url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            wrong = [f"{key}: {number:+}" for key, number in recount.wrong(connection).items()]
            there = Counter(recount.recounted(connection, everybody=True))
            for (kind, status), number in recount.ends(connection).items():
                # Nothing is deleted here; but who fails or is cancelled may be retried, and then ends once more.
                found = sum(jobs for key, jobs in there.items() if key[2:4] == (kind, status))
                if number < found or (status == "completed" and number > found):
                    wrong.append(f"ends of {kind}, {status}: {number} for {found}")
            counted = Counter(recount.failures(connection))
            for kind, error_type, number in connection.execute(FAILED).fetchall():
                if counted[kind, error_type] < number:
                    wrong.append(f"failures of {kind}, {error_type}: {counted[kind, error_type]} for {number}")
            wrong += [f"listed {number:+}: {key}" for key, number in recount.unlisted(connection).items()]
        return wrong

    def rows(self) -> dict[str, Row]:
        with psycopg.connect(self.settings.database_url, autocommit=True) as connection:
            found = connection.execute(ROWS).fetchall()
        assert len({row[0] for row in found}) == len(found), "one key, two jobs"
        return {row[0]: Row(*row) for row in found}

    def recovery(self, fault_at: float, over_at: float | None = None, victims: list[int] | None = None) -> Recovery:
        # Others end their attempts themselves without coming to their end.
        notes = [one for one in self.notes() if one.key.startswith(("short-", "long-"))]
        return books.recovery(notes, fault_at, over_at, victims=victims or [])


def make_template(folder: Path) -> Path:
    """The home of a PostgreSQL that is stopped and has our tables and nothing in them, to be copied."""
    with EmbeddedPostgres(folder / "pg", durable=False) as postgres:
        schema.upgrade(Settings(database_url=postgres.url).sqlalchemy_url)
    # No test lets the machine itself crash, and where the disk is busy waiting for it costs jobs their leases.
    with (postgres.data / "postgresql.conf").open("a") as file:
        file.write("fsync = off\n")
    # Only where a folder's name is too long for a socket: each copy has a port of its own.
    (postgres.home / "port").unlink(missing_ok=True)
    return postgres.home


def family(process: subprocess.Popen[bytes]) -> list[int]:
    """A process and all that it started."""
    return [process.pid, *descendants(process.pid)]


def signal_all(pids: list[int], number: int = signal.SIGKILL) -> float:
    """Send a signal to all of them as nearly at once as can be. When: by CLOCK_MONOTONIC."""
    at = time.monotonic()
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
    return at


def crash(postgres: EmbeddedPostgres) -> None:
    """Stop PostgreSQL without a checkpoint ("immediate"): it recovers from its log at its next start."""
    assert postgres.process is not None
    postgres.process.send_signal(signal.SIGQUIT)
    postgres.process.wait(30)


def wrong_by(seconds: int) -> dict[str, str]:
    """The environment of processes on a host whose clock is wrong."""
    return {"WRONG_CLOCK_SECONDS": str(seconds), "PYTHONPATH": os.pathsep.join([str(WRONG_CLOCK), str(ROOT)])}


def cold_stop(valkey: EmbeddedValkey) -> None:
    """Kill Valkey and remove what it wrote to disk: it comes back empty."""
    assert valkey.process is not None
    valkey.process.kill()
    valkey.process.wait(30)
    shutil.rmtree(valkey.home / "appendonlydir", ignore_errors=True)


def report(fault: str, balance: Balance, recovered: Recovery | None = None) -> None:
    """One line for people, and nothing may be lost."""
    print(f"{fault}: {balance}" + ("" if recovered is None else f"; {recovered}"))
    assert not balance.lost, f"{fault}: lost {balance.lost[:5]}"
    assert not balance.unknown, f"{fault}: nobody sent {balance.unknown[:5]}"
    assert sorted(balance.doubled) == sorted(balance.fenced), f"{fault}: ran twice, not fenced"
