"""Each fault of a server that the user gave is one sentence."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsapp.embedded.postgres import EmbeddedPostgres
from jobsapp.embedded.valkey import EmbeddedValkey
from jobsapp.errors import ConfigError
from jobsapp.runtime import given


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("given") / "pg", durable=False) as server:
        yield server


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path_factory.mktemp("given") / "valkey", durable=False) as server:
        yield server


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def database_sentence(url: str) -> str:
    with pytest.raises(ConfigError) as caught:
        given.check_database(url)
    return caught.value.detail


def redis_sentence(url: str) -> str:
    with pytest.raises(ConfigError) as caught:
        given.check_redis(url)
    return caught.value.detail


def test_a_good_database_passes(database: EmbeddedPostgres) -> None:
    given.check_database(database.url)


def test_a_wrong_password_of_the_database(database: EmbeddedPostgres) -> None:
    said = database_sentence(database.url.replace("jobsapp:", "jobsapp:x", 1))
    assert said.startswith("PostgreSQL refuses the login in DATABASE_URL: password authentication failed")


def test_a_database_that_does_not_exist(database: EmbeddedPostgres) -> None:
    assert database_sentence(database.url_of("nosuch")) == (
        'There is no such database at DATABASE_URL: database "nosuch" does not exist. Create it first.'
    )


def test_a_database_server_that_is_not_there(closed_port: int) -> None:
    assert database_sentence(f"postgresql://a:b@127.0.0.1:{closed_port}/x") == (
        "PostgreSQL cannot be reached at DATABASE_URL: Connection refused."
    )
    assert "cannot be reached" in database_sentence("postgresql:///x?host=/nowhere")


@pytest.mark.parametrize("url", ["mysql://localhost/x", "localhost", "postgres://localhost/x"])
def test_an_address_of_something_else(url: str) -> None:
    assert "does not begin with postgresql://" in database_sentence(url)


@pytest.mark.parametrize("url", ["postgresql://localhost:99999/x", "postgresql://h/x?colour=red"])
def test_an_address_that_is_none(url: str) -> None:
    assert "is not an address of a database" in database_sentence(url)


def test_versions_of_postgresql() -> None:
    given.require_postgres(140000)
    given.require_postgres(180006)
    with pytest.raises(ConfigError, match="PostgreSQL 13 at DATABASE_URL is too old: 14 or newer"):
        given.require_postgres(130014)


def test_a_good_redis_passes(cache: EmbeddedValkey) -> None:
    given.check_redis(cache.url)


def test_a_missing_or_wrong_password_of_redis(cache: EmbeddedValkey) -> None:
    assert redis_sentence(cache.url.replace("://:", "://:x")) == "Redis refuses the password in REDIS_URL."
    without = f"redis://{cache.url.split('@')[1]}"
    assert redis_sentence(without).startswith("Redis asks for a password: put it into REDIS_URL")


def test_a_redis_that_is_not_there(closed_port: int) -> None:
    assert "does not answer at REDIS_URL" in redis_sentence(f"redis://127.0.0.1:{closed_port}/0")


def test_an_address_that_is_not_of_redis() -> None:
    assert "REDIS_URL is not an address of Redis" in redis_sentence("http://localhost")


def test_a_file_is_no_server(tmp_path: Path) -> None:
    assert "does not answer" in redis_sentence(f"unix://{tmp_path}/nothing")
