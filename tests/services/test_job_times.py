"""Keys that outlive an upgrade and an expiry; a web host whose clock is wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.errors import InvalidInput
from jobsapp.runtime.duties import expire, wake
from jobsapp.runtime.house import House
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob, RetryChanges
from jobsapp.services.new_jobs import bounded, digest
from jobsapp.store.durations import add_durations
from jobsapp.store.turns import claim_jobs
from tests.store import rows

Connection = psycopg.Connection[Any]
FULL = NewJob(
    "echo",
    {"text": "hi", "n": [1, 2.5, None]},
    name=" Mine ",
    description="why",
    priority=3,
    max_attempts=4,
    run_at=datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC),
)
PLAIN = NewJob("echo", {})


def test_keys_used_before_the_new_fields_still_answer() -> None:
    """What these requests came to when there was neither `expires_at` nor `timeout_seconds` nor `retry`."""
    full, plain = bounded(FULL), bounded(PLAIN)
    assert digest(full).hex() == "34d6cc16923d691626a1f911c17c25f2fba074d04d050d902a3b61cbb09e306e"
    assert digest(plain).hex() == "0b9cec9151270d021643dcfe8a4530f6b6104b22a14e7b3fe795ae12785d089b"
    assert digest([full, plain]).hex() == "5c4bc11087acbf3e5f91404a0d64e811339f3fa5647299852c37a2f4b64ecb36"


def test_a_repeat_is_answered_after_the_job_expired(
    services: Services, admin: Actor, house: House, connection: Connection
) -> None:
    new = NewJob("echo", {}, expires_at=datetime.now(UTC) + timedelta(seconds=1.5))
    first, _ = services.jobs.create(admin, new, idempotency_key="one")
    many, _ = services.jobs.create_many(admin, [new, PLAIN], idempotency_key="many")
    connection.execute("SELECT pg_sleep(1.6)")
    assert len(expire.tick(connection, house, house.hints())) == 2
    again, created = services.jobs.create(admin, new, idempotency_key="one")
    assert (again.id, again.status, created) == (first.id, "cancelled", False)
    assert services.jobs.create_many(admin, [new, PLAIN], idempotency_key="many") == (many, False)
    with pytest.raises(InvalidInput, match="is past already"):
        services.jobs.create(admin, new, idempotency_key="another")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"timeout_seconds": float("nan")}, "timeoutSeconds"),
        ({"timeout_seconds": float("inf")}, "timeoutSeconds"),
        ({"retry": RetryChanges(factor=float("nan"))}, "retry.factor"),
        ({"retry": RetryChanges(first_seconds=float("inf"))}, "retry.firstSeconds"),
        ({"expires_at": datetime(2031, 1, 1)}, "expiresAt"),  # noqa: DTZ001 - without a zone, that is the fault
    ],
)
def test_what_no_json_says_is_refused_too(
    services: Services, admin: Actor, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.jobs.create(admin, NewJob("echo", {}, **changes))
    assert [fault.field for fault in refused.value.errors] == [named]


Clock = Callable[[timedelta], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Puts the clock of this host wrong, for all of our modules that know one."""

    def set_wrong(by: timedelta) -> None:
        class Wrong(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Any:
                return datetime.now(tz) + by

        for name, module in list(sys.modules.items()):
            if name.startswith("jobsapp.") and getattr(module, "datetime", None) is datetime:
                monkeypatch.setattr(module, "datetime", Wrong)

    return set_wrong


@pytest.mark.parametrize("wrong_by", [timedelta(hours=1), timedelta(hours=-1)])
def test_the_clock_of_the_web_host_plays_no_part(
    services: Services,
    admin: Actor,
    house: House,
    connection: Connection,
    drain: Callable[[str], int],
    set_clock: Clock,
    wrong_by: timedelta,
) -> None:
    set_clock(wrong_by)
    now = datetime.now(UTC)
    soon, before = now + timedelta(minutes=30), now - timedelta(minutes=30)
    one, _ = services.jobs.create(admin, NewJob("fail", {}, expires_at=soon, retry=RetryChanges(600, 1, 600, 0)))
    ids, _ = services.jobs.create_many(admin, [NewJob("steps", {}), NewJob("steps", {}, expires_at=soon)])
    for job in (one, *services.jobs.find(admin, ids)):
        assert abs(job.run_at - now) < timedelta(seconds=30)
        assert job.run_at == job.created_at
    for create in (services.jobs.create, lambda actor, new: services.jobs.create_many(actor, [new])):
        with pytest.raises(InvalidInput, match="is past already"):
            create(admin, NewJob("echo", {}, expires_at=before))
    assert set(wake.tick(connection, house.hints())) == {"fail", "steps"}
    assert expire.tick(connection, house, house.hints()) == []
    assert drain("fail") == 1, "it is due at once"
    retry_at = rows.jobs(connection)[one.id]["run_at"]
    assert abs(retry_at - now - timedelta(minutes=10)) < timedelta(seconds=30)
    assert rows.queued(connection)[one.id]["run_at"] == retry_at


@pytest.mark.parametrize("wrong_by", [timedelta(hours=1), timedelta(hours=-1)])
def test_how_long_a_job_runs_and_will_run_is_counted_by_the_database(
    services: Services, admin: Actor, connection: Connection, set_clock: Clock, wrong_by: timedelta
) -> None:
    set_clock(wrong_by)
    job, _ = services.jobs.create(admin, NewJob("echo", {}))
    add_durations(connection, "w", {"echo": [200.0] * 20})
    assert claim_jobs(connection, "echo", worker="w", lease_seconds=60)
    connection.execute("UPDATE jobs SET started_at = now() - interval '1 minute', progress_base_at = now()")
    view = services.views.job(services.jobs.get(admin, job.id))
    assert view.duration_ms == pytest.approx(60_000, abs=20_000)
    assert view.eta_seconds == pytest.approx(200, abs=20)
