"""What pages and calls take with 10,000,000 jobs of 200 organisations, beside the same with 10,000.

The requests go to the application in this process, one after the other, as the administrators of four organisations,
from the largest to one of average size, so no time of a network is in it. The database is an embedded PostgreSQL as the
product starts it, but not durable.
"""

from __future__ import annotations

import gc
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import psycopg
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from benchmarks.size_fill import ABSENT, FREQUENT, PAST, RARE, SELDOM, SOME, Crowd, fill
from benchmarks.stage import Result, p95
from jobsapp import create_app
from jobsapp.config import Settings
from jobsapp.embedded.postgres import EmbeddedPostgres
from jobsapp.embedded.valkey import EmbeddedValkey
from jobsapp.extensions import db
from jobsapp.store import schema

SMALL, ROWS = 10_000, 1_000_000
ROUNDS = 40
AIM_MS = 50
ASKED = (0, 1, 10, 60)
"""Which organisations ask, by their place in size."""
# Loading writes each page once, and nobody reads along.
LOADING = ("wal_level = minimal", "max_wal_senders = 0", "max_wal_size = '8GB'")
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def query(path: str, **values: str | int) -> str:
    return f"{path}?{urlencode(values)}" if values else path


LISTS: dict[str, dict[str, str | int]] = {
    "all jobs": {},
    "a frequent type": {"type": "data-conversion"},
    "a rare type": {"type": SELDOM},
    **{f"state {one}": {"status": one} for one in ("pending", "active", "completed", "failed", "cancelled")},
    "a frequent queue": {"queue": "document-processing"},
    "a rare queue": {"queue": "express"},
    "a user": {"user": "me"},
    "a frequent text": {"q": FREQUENT},
    "a text in 1 of 1,000": {"q": SOME},
    "a rare text": {"q": RARE},
    "a text of old jobs": {"q": PAST},
    "digits": {"q": "a0f"},
    "an absent text": {"q": ABSENT},
    "type and state": {"type": "mailing", "status": "failed"},
    "text and state": {"q": FREQUENT, "status": "failed"},
    "rare text and state": {"q": RARE, "status": "completed"},
    "user, type and state": {"user": "me", "type": "video", "status": "cancelled"},
    "text and user": {"q": SOME, "user": "me"},
    "text and type": {"q": ABSENT, "type": "video"},
}


class Visitor:
    """One of the people, signed in, with what there is to ask for."""

    def __init__(self, app: OpenAPI, crowd: Crowd) -> None:
        with app.app_context():
            services = app.extensions["jobsapp"]
            self.token: str = services.identity.create_token(crowd.emails[0], "bench")
            secret = services.identity.create_login_secret(crowd.emails[0])
            db.session.remove()
        self.browser: FlaskClient = app.test_client()
        token = TOKEN.search(self.browser.get(f"/login/{secret}").text)
        assert token is not None
        assert self.browser.post(f"/login/{secret}", data={"csrf_token": token[1]}).status_code == 303
        self.client: FlaskClient = app.test_client()
        long_ago = datetime.now(UTC) - timedelta(days=200)
        page = self.call(query("/api/jobs", createdBefore=long_ago.isoformat(), limit=1))
        self.old, self.cursor = page["jobs"][0]["id"], page["nextCursor"]

    def call(self, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self.client.open(path, method="GET" if body is None else "POST", json=body, headers=headers)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
        return answer.json

    def page(self, path: str) -> str:
        answer = self.browser.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return answer.text


Ask = Callable[[Visitor], object]


def cases() -> dict[str, Ask]:
    """What is asked for, by its name."""
    half_a_year = (datetime.now(UTC) - timedelta(days=182)).isoformat()
    calls: dict[str, Ask] = {
        f"GET /api/jobs, {name}": (lambda one, values=values: one.call(query("/api/jobs", **values)))
        for name, values in (LISTS | {"a time": {"createdBefore": half_a_year}}).items()
    }
    anew = count()
    dry = {"filter": {"status": "failed"}, "dryRun": True}
    return calls | {
        "GET /api/jobs, deep in the list": lambda one: one.call(query("/api/jobs", cursor=one.cursor)),
        "GET /api/jobs/{id}": lambda one: one.call(f"/api/jobs/{one.old}"),
        "GET /api/jobs/stats": lambda one: one.call("/api/jobs/stats?scope=organization"),
        "GET /api/jobs/stats, own": lambda one: one.call("/api/jobs/stats"),
        "GET /api/jobs/stats/history, a day": lambda one: one.call("/api/jobs/stats/history?hours=24"),
        "GET /api/jobs/stats/history, a week": lambda one: one.call("/api/jobs/stats/history?hours=168"),
        "GET /api/jobs/stats/history, 4 days and more, for the first time": lambda one: one.call(
            query("/api/jobs/stats/history", hours=100 + next(anew) % 68)
        ),
        "GET /api/jobs/stats/history, 30 days": lambda one: one.call("/api/jobs/stats/history?hours=720"),
        "POST /api/jobs/bulk/retry, dry": lambda one: one.call("/api/jobs/bulk/retry", dry),
        "the list": lambda one: one.page("/jobs"),
        "the list, failed": lambda one: one.page("/jobs?status=failed"),
        "the list, a rare text": lambda one: one.page(f"/jobs?q={RARE}"),
        "a job's page": lambda one: one.page(f"/jobs/{one.old}"),
        "the dashboard, a day": lambda one: one.page("/dashboard/board?period=24h"),
        "the dashboard, a week": lambda one: one.page("/dashboard/board?period=7d"),
    }


@dataclass(frozen=True)
class Took:
    """Milliseconds of a request, by the clock and by the processors: the latter is the same on a busy machine."""

    clock: float
    processor: float


Times = dict[str, list[Took]]


def measure(rows: int = ROWS, folder: Path | None = None) -> list[Result]:
    """Milliseconds of each request by the 95th percentile, with so many jobs and with SMALL of them."""
    found = []
    for number in (SMALL, rows):
        with application(number, folder) as (app, crowds, postgres):
            found.append(times(app, crowds, postgres))
    return results(rows, *found)


def results(rows: int, small: Times, large: Times) -> list[Result]:
    return [_result(f"{name}, {rows:,} jobs", took, small[name]) for name, took in large.items()]


def _result(name: str, large: list[Took], small: list[Took]) -> Result:
    of, before = (p95([one.clock for one in took]) for took in (large, small))
    busy, busy_before = (p95([one.processor for one in took]) for took in (large, small))
    return {
        "name": name,
        "value": round(of, 1),
        "unit": f"ms, p95 of {ROUNDS}",
        "p50": round(statistics.median(one.clock for one in large), 1),
        "processorMs": round(busy, 1),
        "peers": {f"{SMALL:,} jobs": round(before, 1), "aim": AIM_MS},
        "ratios": {f"{SMALL:,} jobs": round(of / before, 2), "of the processor": round(busy / busy_before, 2)},
    }


def times(app: OpenAPI, crowds: list[Crowd], postgres: EmbeddedPostgres) -> Times:
    """What ROUNDS requests of each kind take."""
    visitors = [Visitor(app, crowds[place]) for place in ASKED]
    # As the web does it (jobsapp/live/gunicorn.py).
    gc.collect()
    gc.freeze()
    assert postgres.process is not None
    server = psutil.Process(postgres.process.pid)
    found: Times = {}
    for name, ask in cases().items():
        # The first of all compiles templates and statements, and the first of an organisation adds up the hours that
        # are over: what that takes has a line of its own.
        for one in visitors:
            ask(one)
        found[name] = [_timed(ask, one, server) for one in islice(cycle(visitors), ROUNDS)]
    return found


def _timed(ask: Ask, visitor: Visitor, server: psutil.Process) -> Took:
    before, began, begin = processor(server), time.process_time(), time.perf_counter()
    ask(visitor)
    clock, own = time.perf_counter() - begin, time.process_time() - began
    spent = sum(now - before.get(pid, 0) for pid, now in processor(server).items())
    return Took(clock * 1000, own * 1000 + spent / 1e6)


def processor(server: psutil.Process) -> dict[int, int]:
    """Nanoseconds that each process of the server has had so far; nothing where the system is not Linux."""
    files = {child.pid: Path(f"/proc/{child.pid}/schedstat") for child in server.children()}
    return {pid: int(file.read_text().split()[0]) for pid, file in files.items() if file.exists()}


@contextmanager
def application(rows: int, folder: Path | None = None) -> Iterator[tuple[OpenAPI, list[Crowd], EmbeddedPostgres]]:
    """The product with so many jobs on a folder that goes away."""
    with (
        tempfile.TemporaryDirectory(dir=folder) as name,
        EmbeddedValkey(Path(name) / "valkey", durable=False) as valkey,
    ):
        postgres = EmbeddedPostgres(Path(name) / "pg", durable=False)
        settings = Settings(
            data_dir=Path(name) / "var", redis_url=valkey.url, secret_key="for the benchmark", threads=1
        )
        with postgres:
            _set(postgres.url, *(f"SET {one}" for one in LOADING))
        with postgres:
            settings = settings.model_copy(update={"database_url": postgres.url})
            schema.upgrade(settings.sqlalchemy_url)
            app = create_app(settings)
            with app.app_context():
                crowds = fill(app.extensions["jobsapp"], rows)
                db.session.remove()
            _set(postgres.url, *(f"RESET {one.split()[0]}" for one in LOADING))
            yield app, crowds, postgres
            with app.app_context():
                db.engine.dispose()


def _set(url: str, *changes: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for one in changes:
            connection.execute(f"ALTER SYSTEM {one}")  # type: ignore[arg-type]
