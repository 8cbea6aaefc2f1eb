"""When a failed attempt runs again: as its type says, or the job itself; spread, so that not all come at once."""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import mean, quantiles
from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.runtime.house import House
from jobsapp.runtime.settle import attempt_facts
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob, RetryChanges

Connection = psycopg.Connection[Any]
Drain = Callable[[str], int]
PAUSES = "SELECT extract(epoch FROM run_at - updated_at)::float8 FROM jobs WHERE status = 'pending' ORDER BY id"


def pauses(
    services: Services, actor: Actor, connection: Connection, drain: Drain, jobs: int, *policies: RetryChanges
) -> list[list[float]]:
    """How long each of so many jobs waits for its second attempt, by policy."""
    services.jobs.create_many(actor, [NewJob("fail", {}, retry=policy) for policy in policies for _ in range(jobs)])
    assert drain("fail") == jobs * len(policies)
    found = [row[0] for row in connection.execute(PAUSES)]
    return [found[start : start + jobs] for start in range(0, len(found), jobs)]


def test_the_spread_of_many_retries(services: Services, admin: Actor, connection: Connection, drain: Drain) -> None:
    random.seed(3)
    policy = RetryChanges(first_seconds=1000, ceiling_seconds=1000)
    half, none = RetryChanges(1000, None, 1000, 0.5), RetryChanges(1000, None, 1000, 0)
    full, half_jitter, no_jitter = pauses(services, admin, connection, drain, 400, policy, half, none)
    # An even spread over the whole pause, as full jitter promises; each tenth of it has its share.
    assert -1 < min(full) < 20
    assert 980 < max(full) <= 1000
    assert mean(full) == pytest.approx(500, abs=50)
    assert quantiles(full, n=4) == pytest.approx([250, 500, 750], abs=60)
    assert all(20 <= sum(low <= one < low + 100 for one in full) <= 60 for low in range(0, 1000, 100))
    assert 499 < min(half_jitter) < 520
    assert 980 < max(half_jitter) <= 1000
    assert no_jitter == pytest.approx([1000] * 400, abs=1)


def test_the_pauses_grow_up_to_the_ceiling(
    services: Services, admin: Actor, connection: Connection, drain: Drain
) -> None:
    retry = RetryChanges(first_seconds=100, factor=3, ceiling_seconds=500, jitter=0)
    job, _ = services.jobs.create(admin, NewJob("fail", {}, max_attempts=5, retry=retry))
    found = []
    while drain("fail"):
        found += [row[0] for row in connection.execute(PAUSES)]
        for table, column in (("jobs", "id"), ("job_queue", "job_id")):
            connection.execute(f"UPDATE {table} SET run_at = now() WHERE {column} = %s", [job.id])
    assert found == pytest.approx([100, 300, 500, 500], abs=1)
    assert services.jobs.get(admin, job.id).status == "failed"


def test_the_job_changes_what_it_names_and_no_more(house: House) -> None:
    facts: dict[str, Any] = {"number": 5, "max_attempts": 6, "allowance": 3, "cancel_requested": False}
    plain = attempt_facts(house.registry, "fail", **facts, retry=None)
    own = attempt_facts(house.registry, "fail", **facts, retry={"ceiling": 9.0, "jitter": 0.0})
    assert (plain.first, plain.factor, plain.ceiling, plain.jitter, plain.failures) == (0.01, 2, 0.05, 1, 2)
    assert (own.first, own.factor, own.ceiling, own.jitter, own.failures) == (0.01, 2, 9, 0, 2)
