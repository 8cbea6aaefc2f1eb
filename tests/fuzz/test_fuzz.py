"""A short run as everybody who may come, the same each time; `make fuzz` is the long one, with chance."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPMessage

import psycopg
import pytest
import redis

from jobsapp.config import Settings
from tests.conftest import Servers, empty
from tests.fuzz.answers import faults_of
from tests.fuzz.browser import Answer, Visit
from tests.fuzz.pages import API, ELSEWHERE, IN_FRONT
from tests.fuzz.siege import besiege, besiege_pages
from tests.fuzz.town import ABROAD, CALLERS, HOME, QUIET, Caller, Town, open_town
from tests.fuzz.untouched import checksums
from tests.fuzz.values import MARK

SEED = 6
SECONDS = {"member": 4, "operator": 3, "admin": 4, "outsider": 4, "commuter": 3, "nobody": 2}
# Of those, about 75 for each page and 60 for each form once.
REQUESTS = {"admin": 260, "commuter": 150, "nobody": 60}
# On a machine that has other work, too: operations, and pages, that were not only refused.
REACHED, FINE = 8, 25
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
    reached = REACHED // 2 if caller.also else REACHED
    # A busy machine does less in these seconds, and goes on.
    for turn in range(TRIES):
        outcome = besiege(town, caller, seed=SEED + turn, seconds=SECONDS[caller.name])
        assert not outcome.failed, str(outcome)
        found = outcome.report.statuses.items()
        done |= {operation for operation, statuses in found if statuses & {200, 201, 204}}
        if not caller.role or len(done) >= reached:
            break
    if caller.role:
        assert len(done) >= reached
    else:
        assert not done


@pytest.mark.parametrize(
    ("name", "house"), [("admin", HOME), ("commuter", HOME), ("commuter", ABROAD), ("nobody", "")], ids=str
)
def test_nothing_is_found_in_pages(town: Town, name: str, house: str) -> None:
    outcome = besiege_pages(town, CALLERS[name], seed=SEED, requests=REQUESTS[name], within=house)
    assert not outcome.failed, str(outcome)
    pages = {
        (rule.endpoint, method)
        for rule in town.app.url_map.iter_rules()
        for method in {"GET", "POST"} & (rule.methods or set())
        if not rule.websocket and not rule.rule.startswith(API) and rule.endpoint not in ELSEWHERE
    }
    asked = {one for one in pages if house or one[0] in IN_FRONT}
    # An administrator sees all forms, so each of their addresses was asked too.
    missing = {(endpoint, method) for endpoint, method in asked - outcome.seen.reached.keys()}
    assert not missing if name == "admin" else len(missing) < len(asked) / 4, missing
    fine = {one for one, statuses in outcome.seen.reached.items() if min(statuses) < 400}
    assert len(fine) >= (FINE if house else 6), sorted(fine)


def test_what_pages_tell_of_others_and_repeat_as_it_was_would_be_found(town: Town) -> None:
    """A text of another organisation is put where the caller may read it, and no header comes with it."""
    quiet, visit = town.households[QUIET], Visit("GET", "/jobs")
    headers = HTTPMessage()
    headers["Content-Type"] = "text/html; charset=utf-8"
    headers["Location"] = "//evil.example/"
    body = f"<p title=\"{MARK}\">{MARK}{quiet.marker}</p><a href='javascript:1'>"
    found = " ".join(faults_of(visit, Answer(500, headers, body.encode()), "jobs.index", [quiet.marker], "http://x"))
    for wanted in (
        "answered 500",
        f"{quiet.marker!r} of another organisation",
        "Content-Security-Policy is None",
        "Location leads elsewhere",
        "in the page as it was",
        "is an element of the page",
        "has an attribute of what was sent",
        "<a href> holds a script",
    ):
        assert wanted in found
