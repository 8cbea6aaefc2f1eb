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
SECONDS = {"member": 4, "operator": 3, "admin": 4, "outsider": 4, "nobody": 2}
# On a machine that has other work, too: operations that were not only refused.
REACHED = 8
TRIES = 10


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


def test_what_is_told_elsewhere_would_be_found(town: Town) -> None:
    """A text of another organisation is put where the caller may read it."""
    job_id, quiet = town.households[HOME].jobs[0], town.households[QUIET]
    renamed = "UPDATE jobs SET name = %s WHERE id = %s RETURNING (SELECT name FROM jobs WHERE id = %s)"
    with psycopg.connect(town.settings.database_url, autocommit=True) as connection:
        row = connection.execute(renamed, [quiet.marker, job_id, job_id]).fetchone()
        try:
            # On a busy machine the second may be over before the first request.
            outcomes = (besiege(town, CALLERS["member"], seed=SEED, seconds=1, only=["listJobs"]) for _ in range(TRIES))
            outcome = next(outcome for outcome in outcomes if outcome.failed)
        finally:
            assert row is not None
            connection.execute(renamed, [row[0], job_id, job_id])
    found = {finding.check: finding for finding in outcome.report.findings}
    assert set(found) == {"TellsNothingOfOthers"}
    assert "curl" in found["TellsNothingOfOthers"].curl
    assert f"{quiet.marker!r} of another organisation is in the answer" in str(outcome)


@pytest.mark.parametrize("caller", CALLERS.values(), ids=str)
def test_nothing_is_found(town: Town, caller: Caller) -> None:
    done: set[str] = set()
    # A busy machine does less in these seconds, and goes on.
    for turn in range(TRIES):
        outcome = besiege(town, caller, seed=SEED + turn, seconds=SECONDS[caller.name])
        assert not outcome.failed, str(outcome)
        found = outcome.report.statuses.items()
        done |= {operation for operation, statuses in found if statuses & {200, 201, 204}}
        if not caller.role or len(done) >= REACHED:
            break
    if caller.role:
        assert len(done) >= REACHED
    else:
        assert not done
