"""Real servers for all tests: PostgreSQL and Valkey started once per test process, emptied for each test."""

from __future__ import annotations

import gc
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI
from psycopg.errors import DeadlockDetected

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.embedded.postgres import EmbeddedPostgres
from jobsapp.embedded.valkey import EmbeddedValkey
from jobsapp.extensions import db
from jobsapp.runtime.advancer import Advancer
from jobsapp.runtime.followers import followers_of
from jobsapp.runtime.horse import Horse
from jobsapp.runtime.house import House
from jobsapp.runtime.use_cases import open_use_cases
from jobsapp.services import Services
from jobsapp.storage import LocalStorage
from jobsapp.store import schema
from tests.applications import Applications, registry_of
from tests.workflow_walk import Walk

TABLES = """SELECT string_agg(oid::regclass::text, ', '), max(pg_relation_size(oid)) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'"""
LARGE_BYTES = 512 * 1024
TRIES = 5
# Kept from test to test: to connect takes longer than to empty all tables. By the address of the database.
_cleaners: dict[str, psycopg.Connection[Any]] = {}
# In which order the folders begin. First those whose fixtures last for the whole folder, then those with the longest
# tests, one file of each in turn: some wait most of the time, and others compute. Last what is short.
ORDER = (("browser",), ("faults", "processors", "store", "cli", "live", "runtime"))


# What is imported and collected stays: to look through it for garbage takes two fifths of the time of collecting.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_xdist_auto_num_workers() -> int:
    """Twice as many as there are cores, and one more: most of the longest tests wait for most of their time."""
    return 2 * (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    files: dict[str, list[Path]] = {}
    # In a folder the file with the most tests first: what begins last must be short.
    for path, _ in Counter(item.path for item in items).most_common():
        files.setdefault(path.relative_to(Path(__file__).parent).parts[0], []).append(path)
    place: dict[Path, tuple[int, float]] = {}
    for folder, paths in files.items():
        turn = next((n for n, folders in enumerate(ORDER) if folder in folders), len(ORDER))
        place |= {path: (turn, n / len(paths)) for n, path in enumerate(paths)}
    items.sort(key=lambda item: place[item.path])


def empty(database_url: str) -> None:
    """As on the first day: no row in any table but the schema's version."""
    connection = _cleaners.get(database_url)
    if connection is None or connection.closed:
        connection = _cleaners[database_url] = psycopg.connect(database_url)
    for _ in range(TRIES):
        # A page that is still open somewhere may ask, and lock tables in another order.
        with suppress(DeadlockDetected):
            _empty(connection)
            return
    _empty(connection)


def _empty(connection: psycopg.Connection[Any]) -> None:
    with connection.transaction():
        found = connection.execute(TABLES).fetchone()
        assert found is not None
        names, largest = found
        # A process that was just killed may still have a statement under way: this waits for its end.
        connection.execute(f"LOCK TABLE {names}")
        # No triggers: none counts, and none holds what only grows.
        connection.execute("SET LOCAL session_replication_role = replica")
        if largest > LARGE_BYTES:
            connection.execute(f"TRUNCATE {names}")
            return
        # TRUNCATE makes a new file for each table and index, which takes ten times as long as this.
        connection.execute("; ".join(f"DELETE FROM {name}" for name in names.split(", ")))


@dataclass(frozen=True)
class Servers:
    database_url: str
    redis_url: str
    data_dir: Path


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("servers")
    with (
        EmbeddedPostgres(folder / "pg", durable=False) as postgres,
        EmbeddedValkey(folder / "valkey", durable=False) as valkey,
    ):
        schema.upgrade(Settings(database_url=postgres.url).sqlalchemy_url)
        yield Servers(postgres.url, valkey.url, folder / "var")
        while _cleaners:
            _cleaners.popitem()[1].close()


@pytest.fixture
def settings(servers: Servers) -> Settings:
    """The same for each test, so that the application may be."""
    empty(servers.database_url)
    shutil.rmtree(servers.data_dir, ignore_errors=True)
    redis.Redis.from_url(servers.redis_url).flushall()
    return Settings(
        data_dir=servers.data_dir,
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        processors="tests.sample_processors",
        secret_key="for tests only",
    )


@pytest.fixture(autouse=True)
def nothing_left_open(applications: Applications) -> Iterator[None]:
    """Also of applications that a test made by itself: found later, by chance, they would be another test's fault."""
    yield
    _let_go(lambda app: not applications.keeps(app))


@pytest.fixture(scope="session")
def applications() -> Iterator[Applications]:
    yield Applications()
    _let_go(lambda app: True)


def _let_go(wanted: Callable[[object], bool]) -> None:
    """Close the connections to databases of these applications."""
    for app, engines in list(db._app_engines.items()):
        for engine in engines.values() if wanted(app) else ():
            engine.dispose()


@pytest.fixture
def app(settings: Settings, applications: Applications) -> Iterator[OpenAPI]:
    with applications.lend(settings) as app, app.app_context():
        yield app


@pytest.fixture
def services(app: OpenAPI) -> Services:
    services: Services = app.extensions["jobsapp"]
    services.identity.bootstrap()
    return services


def _actor(services: Services, email: str, role: str, organization: str) -> Actor:
    user = services.identity.create_user(email, role=role, organization=organization)
    return services.identity.get_actor(user.id)


@pytest.fixture
def admin(services: Services) -> Actor:
    return services.identity.get_actor(services.identity.get_user("admin@localhost").id)


@pytest.fixture
def member(services: Services) -> Actor:
    return _actor(services, "member@localhost", "member", "default")


@pytest.fixture
def viewer(services: Services) -> Actor:
    return _actor(services, "viewer@localhost", "viewer", "default")


@pytest.fixture
def operator(services: Services) -> Actor:
    return _actor(services, "operator@localhost", "operator", "default")


@pytest.fixture
def stranger(services: Services) -> Actor:
    """An administrator of another organisation."""
    return _actor(services, "stranger@elsewhere", "admin", "elsewhere")


@pytest.fixture
def client(app: OpenAPI, services: Services) -> FlaskClient:
    """Nobody in particular."""
    return app.test_client()


@pytest.fixture
def house(settings: Settings) -> House:
    return House(settings, registry_of(settings), LocalStorage(settings.files_dir))


@pytest.fixture
def walk(services: Services, admin: Actor, house: House, drain: Callable[[str], int]) -> Iterator[Walk]:
    """Brings workflows of the administrator on, here and now."""
    with open_use_cases(house, "test advancer") as (own, session):
        yield Walk(services, admin, Advancer(session, *followers_of(own)), drain)


@pytest.fixture
def drain(house: House) -> Iterator[Callable[[str], int]]:
    """Runs the due jobs of a queue here and now, as a work-horse would; returns how many."""
    with Horse(house, "test-worker") as horse:
        yield horse.drain


@pytest.fixture
def connection(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        yield connection
