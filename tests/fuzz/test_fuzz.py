"""A short run as everybody who may come, the same each time; `make fuzz` is the long one, with chance."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
import redis

from jobsapp.config import Settings
from tests.conftest import Servers, empty
from tests.fuzz.siege import besiege
from tests.fuzz.town import CALLERS, HOME, QUIET, Caller, Town, open_town
from tests.fuzz.untouched import checksums

SEED = 6
SECONDS = 4
# On a machine that has other work, too: operations that were not only refused.
REACHED = 8


@pytest.fixture(scope="module")
def town(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    empty(servers.database_url)
    redis.Redis.from_url(servers.redis_url).flushall()
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("fuzz") / "var",
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        processors="tests.sample_processors",
        secret_key="for tests only",
    )
    with open_town(settings) as town:
        yield town


def test_what_is_changed_elsewhere_would_be_seen(town: Town) -> None:
    house = town.households[QUIET]
    with psycopg.connect(town.settings.database_url) as connection:
        before = checksums(connection, house.id)
        unchanged = checksums(connection, town.households[HOME].id)
        connection.execute("UPDATE job_logs SET message = 'else' WHERE job_id = ANY(%s)", [house.jobs])
        connection.execute("DELETE FROM files WHERE id = %s", [house.files[-1]])
        after = checksums(connection, house.id)
        assert checksums(connection, town.households[HOME].id) == unchanged
        connection.rollback()
    assert {table for table in before if before[table] != after[table]} == {"files", "job_logs"}
    assert {"organizations", "users", "memberships", "api_tokens", "jobs", "job_presets", "job_tokens"} <= {
        table for table, (rows, _) in before.items() if rows
    }


@pytest.mark.parametrize("caller", CALLERS.values(), ids=str)
def test_nothing_is_found(town: Town, caller: Caller) -> None:
    outcome = besiege(town, caller, seed=SEED, seconds=SECONDS if caller.role else SECONDS // 2)
    assert not outcome.failed, str(outcome)
    done = [operation for operation, statuses in outcome.report.statuses.items() if statuses & {200, 201, 204}]
    assert len(done) >= REACHED if caller.role else not done
