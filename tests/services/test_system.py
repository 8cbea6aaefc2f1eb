"""Whether what stands behind jobsapp is well, in words."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import scoped_session, sessionmaker

from jobsapp.bus import connection as redis_connection
from jobsapp.bus.condition import Condition, Observer
from jobsapp.bus.guard import Guard
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.embedded.valkey import EmbeddedValkey
from jobsapp.services import Services
from jobsapp.services.checks import CheckView, check_database, check_disk, check_keeper, check_redis
from jobsapp.services.system import Disk, System
from jobsapp.store.connect import connect
from jobsapp.store.database import DatabaseFacts
from jobsapp.store.keepers import Keeper, keeper_name, keepers, try_to_lead
from tests.processes import wait_until

GB = 1_000_000_000
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def database(**said: Any) -> DatabaseFacts:
    return DatabaseFacts(**({"version": "16", "connections": 9, "most_connections": 100, "size_bytes": GB} | said))


def condition(**said: Any) -> Condition:
    plain = {"server": "Redis 7.2", "is_too_old": False, "used_bytes": 50, "most_bytes": 100, "milliseconds": 1.0}
    return Condition(**(plain | {"policy": "noeviction"} | said))


def keeper(*, leads: bool) -> Keeper:
    return Keeper(leads, "h", 7, NOW if leads else None)


@pytest.mark.parametrize(
    ("check", "state", "sentence", "action"),
    [
        (check_database(database(), is_current=True), "good", "PostgreSQL answers.", None),
        (check_database(database(), is_current=False), "bad", "not at the newest migration", "`flask db upgrade`"),
        (check_database(database(connections=80), is_current=True), "warning", "80 of 100 connections", "max_conn"),
        (check_database(database(), is_current=True, milliseconds=300), "warning", "takes 300 ms", "network"),
        (check_database(None), "bad", "PostgreSQL does not answer", "DATABASE_URL"),
        (check_redis(condition()), "good", "Redis 7.2 answers.", None),
        (check_redis(condition(most_bytes=0)), "good", "Redis 7.2 answers.", None),
        (check_redis(condition(policy="allkeys-lru")), "warning", "drops data unasked (allkeys-lru)", "noeviction`"),
        (check_redis(condition(used_bytes=95)), "warning", "uses 95 bytes of 100 bytes", "Raise `maxmemory`"),
        (check_redis(condition(is_too_old=True)), "bad", "too old", "6.2 or newer"),
        (check_redis(None), "bad", "Redis does not answer", "Nothing is lost"),
        (check_keeper([keeper(leads=True)]), "good", "A keeper leads, none stands by.", None),
        (check_keeper([keeper(leads=True), *2 * [keeper(leads=False)]]), "good", "2 stand by.", None),
        (check_keeper([keeper(leads=False)]), "warning", "takes over within seconds", None),
        (check_keeper([]), "bad", "No keeper leads: retries and rescues wait.", "Start one: `flask keeper`"),
        (check_keeper(None), "bad", "is not known", None),
        (check_disk(20 * GB, 100 * GB), "good", "20.0 GB of 100 GB are free", None),
        (check_disk(4 * GB, 100 * GB), "warning", "Only 4.0 GB of 100 GB", "`flask cleanup --days 30`"),
        (check_disk(GB // 2, 2 * GB), "warning", "Only 500 MB of 2.0 GB", "Make room"),
        (check_disk(GB // 20, 2 * GB), "bad", "uploads fail", "Make room"),
        (check_disk(None, 0), "bad", "does not answer", "JOBSAPP_DATA_DIR"),
    ],
)
def test_each_state_has_its_sentence_and_what_to_do(
    check: CheckView, state: str, sentence: str, action: str | None
) -> None:
    assert check.state == state
    assert sentence in check.sentence
    assert check.action is None if action is None else action in (check.action or "")


def check(services: Services, actor: Actor, name: str) -> CheckView:
    return next(one for one in services.system.look(actor).checks if one.name == name)


def test_what_is_found_on_real_servers(services: Services, admin: Actor) -> None:
    view = services.system.look(admin)
    assert [one.name for one in view.checks] == ["database", "redis", "keeper", "disk"]
    assert view.state == "bad", "no keeper runs"
    facts = {one.name: one.facts for one in view.checks}
    assert str(facts["database"]["version"])[0].isdigit()
    assert 0 < float(facts["database"]["answerMs"] or 0) < 10_000
    assert 0 < int(facts["database"]["connections"] or 0) < int(facts["database"]["mostConnections"] or 0)
    assert int(facts["database"]["sizeBytes"] or 0) > 1_000_000
    assert str(facts["redis"]["version"]).startswith("Valkey ")
    assert int(facts["redis"]["memoryBytes"] or 0) > 100_000
    assert facts["redis"]["whenFull"] == "noeviction"
    assert 0 < int(facts["disk"]["freeBytes"] or 0) < int(facts["disk"]["totalBytes"] or 0)


def test_members_see_the_sentence_alone(services: Services, member: Actor) -> None:
    for one in services.system.look(member).checks:
        assert (one.action, one.facts) == (None, {})
        assert one.sentence


def test_who_leads_and_who_stands_by(services: Services, admin: Actor, settings: Settings) -> None:
    with (
        connect(settings.database_url, keeper_name()) as first,
        connect(settings.database_url, keeper_name()) as second,
    ):
        assert check(services, admin, "keeper").state == "warning"
        assert try_to_lead(first)
        assert not try_to_lead(second)
        found = check(services, admin, "keeper")
        assert found.sentence == "A keeper leads, one stands by."
        assert (found.facts["host"], found.facts["process"]) == (socket.gethostname()[:22], os.getpid())
        since = datetime.fromisoformat(str(found.facts["leadsSince"]))
        assert abs(datetime.now(UTC) - since) < timedelta(minutes=1)
        first.close()
        wait_until(lambda: try_to_lead(second), "the lock of a closed connection is free")
        wait_until(lambda: [one.leads for one in keepers(second)] == [True], "the first is gone")
    wait_until(lambda: check(services, admin, "keeper").sentence.startswith("No keeper leads:"), "none is there")


def test_who_leads_under_another_name_is_seen_by_the_lock(
    services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    connection.execute("SELECT pg_advisory_lock(8314628)")
    found = check(services, admin, "keeper")
    assert (found.state, found.facts["host"]) == ("good", None)


def observer(url: str) -> Observer:
    return Observer(redis_connection.looks(url), Guard())


def test_a_redis_that_drops_data_is_warned_of(services: Services, admin: Actor, tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path / "valkey", durable=False) as valkey:
        client = redis_connection.hints(valkey.url)
        client.config_set("maxmemory-policy", "allkeys-lru")
        services.system._observer = observer(valkey.url)
        assert "drops data unasked (allkeys-lru)" in check(services, admin, "redis").sentence


@contextmanager
def frozen_server() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_servers_that_hang_hold_nobody_for_long(services: Services, admin: Actor) -> None:
    with frozen_server() as port:
        services.system._observer = observer(f"redis://127.0.0.1:{port}")
        began = time.monotonic()
        assert check(services, admin, "redis").state == "bad"
        asked = time.monotonic() - began
        assert asked < 20
        began = time.monotonic()
        assert services.system._observer.look() is None
        assert time.monotonic() - began < asked / 2, "not asked again at once"


def test_a_database_that_is_away_is_told(services: Services, admin: Actor, tmp_path: Path) -> None:
    engine = create_engine("postgresql+psycopg://127.0.0.1:1/nothing")
    system = System(scoped_session(sessionmaker(engine)), services.system._observer, tmp_path)
    states = {one.name: one.state for one in system.look(admin).checks}
    assert (states["database"], states["keeper"], states["redis"]) == ("bad", "bad", "good")


def test_a_database_that_takes_too_long_is_told_in_time(
    services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    with connection.transaction():
        connection.execute("LOCK TABLE alembic_version")
        began = time.monotonic()
        assert check(services, admin, "database").sentence.startswith("PostgreSQL does not answer")
        assert time.monotonic() - began < 20
    assert check(services, admin, "database").state == "good", "its time limit is over"


def test_a_disk_that_hangs_holds_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(tmp_path / "not" / "there" / "yet")
    assert disk.look()[0] is not None
    monkeypatch.setattr("jobsapp.services.system.LIMIT_SECONDS", 0.05)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # As a dead network disk: it answers when somebody comes back.
    usage = shutil.disk_usage(tmp_path)

    def hang(_: Path) -> object:
        pipe.read_text()
        return usage

    monkeypatch.setattr(shutil, "disk_usage", hang)
    assert disk.look() == (None, 0)
    first = disk._asking
    assert first is not None
    assert disk.look() == (None, 0)
    assert disk._asking is first
    pipe.write_text("")
    first.join(10)
    assert not first.is_alive()
