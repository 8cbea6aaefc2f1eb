"""Limits and pauses are kept by claims that come from several connections at the same moment."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.store.connect import connect
from jobsapp.store.limits import claim_within_limits, in_the_way, limit_states
from jobsapp.store.turns import FIRST, claim_jobs, finish_job
from tests.store import rows
from tests.store.workers import DONE, Hand, at_once, hands

Connection = psycopg.Connection[Any]
WATCHED = """
SELECT max(jobs) FROM (SELECT count(*) AS jobs FROM jobs WHERE status = 'active' GROUP BY {}) AS running
"""


class Watch:
    """Looks all the time at how many jobs are active, in each group of `by`; `most` is the largest seen."""

    def __init__(self, url: str, by: str) -> None:
        self.most = 0
        self._url, self._query = url, WATCHED.format(by)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with connect(self._url, "watch") as connection:
            while not self._stop.is_set():
                row = connection.execute(self._query).fetchone()
                self.most = max(self.most, (row and row[0]) or 0)


def work(hand: Hand, limit: int) -> None:
    """Claim, hold for a moment, end; until nothing is left."""
    held = hand.claim(limit)
    while held or waits(hand.connection):
        time.sleep(0.002)
        held = hand.claim(limit, held)


def waits(connection: Connection) -> bool:
    return connection.execute("SELECT FROM job_queue LIMIT 1").fetchone() is not None


def drained(working: list[Hand], limit: int) -> list[UUID]:
    at_once([lambda hand=hand: work(hand, limit) for hand in working])  # type: ignore[misc]
    return [job.id for hand in working for job in hand.claimed]


@pytest.mark.parametrize("limit", [1, 16])
@pytest.mark.parametrize(("scope", "key"), [("queue", "echo"), ("type", "echo"), ("organization", "*")])
def test_never_more_at_once(
    settings: Settings, connection: Connection, four: list[Hand], scope: str, key: str, limit: int
) -> None:
    for _ in range(2):
        rows.insert_many(connection, rows.insert_organization(connection), 60)
    rows.insert_limit(connection, scope, key, 3)
    by = "organization_id" if scope == "organization" else scope
    with Watch(settings.database_url, by) as watch:
        ran = drained(four, limit)
    assert len(ran) == len(set(ran)) == 120
    assert watch.most in (2, 3)


def test_a_type_is_limited_over_all_queues(settings: Settings, connection: Connection) -> None:
    organization = rows.insert_organization(connection)
    for queue in ("one", "two"):
        rows.insert_many(connection, organization, 60, queue=queue)
    rows.insert_limit(connection, "type", "echo", 2)
    with hands(settings.database_url, 4, "one", "two") as working, Watch(settings.database_url, "type") as watch:
        ran = drained(working, 4)
    assert len(ran) == 120
    assert watch.most == 2


def test_a_limit_of_ones_own_goes_before_that_of_each(connection: Connection, hand: Hand) -> None:
    """Also where it is the larger one, and for what an organisation runs in other queues."""
    own, other, third = sorted(rows.insert_organization(connection) for _ in range(3))
    for organization in (own, other, third):
        rows.insert_many(connection, organization, 9)
    rows.insert_many(connection, third, 1, queue="elsewhere")
    claim_jobs(connection, "elsewhere", worker="other", lease_seconds=60)
    rows.insert_limit(connection, "organization", "*", 1)
    rows.insert_limit(connection, "organization", str(own), 5)
    got = hand.organizations(32) + hand.organizations(32) + hand.organizations(32)
    assert got == {own: 5, other: 1}


def test_limits_of_two_kinds_at_once(settings: Settings, connection: Connection, four: list[Hand]) -> None:
    """Everything still drains: a claim that may have something gets something."""
    for _ in range(3):
        organization = rows.insert_organization(connection)
        for kind in ("echo", "steps", "fail"):
            rows.insert_many(connection, organization, 15, type_name=kind)
    rows.insert_limit(connection, "queue", "echo", 3)
    rows.insert_limit(connection, "organization", "*", 2)
    for kind in ("echo", "steps", "fail"):
        rows.insert_limit(connection, "type", kind, 1)
    with Watch(settings.database_url, "type") as by_type, Watch(settings.database_url, "queue") as by_queue:
        assert len(drained(four, 16)) == 135
    assert by_type.most == 1
    assert by_queue.most in (2, 3)


def test_what_may_run_is_claimed_whatever_stands_before_it(connection: Connection, hand: Hand) -> None:
    organization = rows.insert_organization(connection)
    rows.insert_many(connection, organization, 5000)
    other = [rows.insert_job(connection, organization, type_name="steps") for _ in range(3)]
    rows.insert_limit(connection, "type", "echo", 1)
    assert len(hand.claim(1)) == 1
    assert [job.id for job in hand.claim(8)] == other
    assert hand.claim(8) == []


def test_the_line_of_a_full_type_is_not_read(settings: Settings, connection: Connection, hand: Hand) -> None:
    """Where no other type waits in the queue: a claim asks for nothing that somebody else has locked."""
    rows.insert_many(connection, rows.insert_organization(connection), 3)
    rows.insert_limit(connection, "type", "echo", 1)

    def claim(*types: str) -> int:
        given = {"worker": "other", "lease_seconds": 60.0, "limit": 1, "after": FIRST}
        with connect(settings.database_url, "other") as other:
            other.execute("SET lock_timeout = '200ms'")
            return len(claim_within_limits(other, "echo", **given, types=types).claimed)  # type: ignore[arg-type]

    (running,) = hand.claim()
    with connect(settings.database_url, "lock") as lock, lock.transaction():
        lock.execute("LOCK job_queue")
        assert claim("echo") == 0
        with pytest.raises(psycopg.errors.LockNotAvailable):
            claim("echo", "steps")
    finish_job(connection, running.id, running.attempt, DONE)
    assert claim("echo") == 1


def test_what_no_limit_concerns_waits_for_nobody(connection: Connection, four: list[Hand]) -> None:
    """Limits of other queues, of types and organisations that are not here: no lock is waited for."""
    here, there = (rows.insert_organization(connection) for _ in range(2))
    rows.insert_many(connection, here, 10)
    rows.insert_limit(connection, "queue", "elsewhere", 1)
    rows.insert_limit(connection, "type", "steps", 1)
    rows.insert_limit(connection, "organization", str(there), 1)
    busy, free = four[:2]
    with busy.connection.transaction():
        busy.connection.execute("SELECT FROM limits FOR UPDATE")
        free.connection.execute("SET lock_timeout = '1s'")
        assert len(free.claim(4)) == 4


@pytest.mark.parametrize(("scope", "key"), [("queue", "echo"), ("type", "echo"), ("organization", "*")])
def test_never_more_starts_in_any_period(connection: Connection, four: list[Hand], scope: str, key: str) -> None:
    period, most = 0.5, 7
    rows.insert_many(connection, rows.insert_organization(connection), 30)
    rows.insert_limit(connection, scope, key, starts=most, period=period)
    drained(four, 8)
    starts = [row[0] for row in connection.execute("SELECT started_at FROM jobs ORDER BY 1").fetchall()]
    assert len(starts) == 30
    assert most_within(starts, period) == most
    assert starts[-1] - starts[0] < timedelta(seconds=period * 4 + 2)


def most_within(moments: list[datetime], seconds: float) -> int:
    """The most of them that lie in any half-open span of so many seconds."""
    span = timedelta(seconds=seconds)
    return max(sum(begin <= moment < begin + span for moment in moments) for begin in moments)


def test_a_start_counts_when_the_job_starts(connection: Connection, hand: Hand) -> None:
    """So it is claimed alone: what waits in a batch would count and not have started."""
    rows.insert_many(connection, rows.insert_organization(connection), 9)
    rows.insert_limit(connection, "queue", "echo", starts=5, period=60)
    assert [len(hand.claim(8)) for _ in range(6)] == [1, 1, 1, 1, 1, 0]


def test_starts_take_few_rows(connection: Connection, hand: Hand) -> None:
    rows.insert_many(connection, rows.insert_organization(connection), 150)
    rows.insert_limit(connection, "queue", "echo", starts=1000, period=3600)
    assert len(hand.drain()) == 150
    kept = connection.execute("SELECT count(*), sum(starts) FROM limit_starts").fetchone()
    assert kept is not None
    assert kept[0] <= 2
    assert kept[1] == 150
    assert [state.starts for state in limit_states(connection)] == [150]


def test_a_limit_changes_at_run_time(connection: Connection, hand: Hand) -> None:
    rows.insert_many(connection, rows.insert_organization(connection), 20)
    assert len(hand.claim(4)) == 4
    rows.insert_limit(connection, "queue", "echo", 2)
    assert hand.claim(4) == []
    connection.execute("UPDATE limits SET max_active = 5")
    assert len(hand.claim(4)) == 1
    connection.execute("DELETE FROM limits")
    assert len(hand.claim(4)) == 4


def test_a_job_that_came_back_to_its_worker_counts_once(connection: Connection, hand: Hand) -> None:
    rows.insert_many(connection, rows.insert_organization(connection), 5)
    rows.insert_limit(connection, "queue", "echo", 3)
    (job,) = hand.claim()
    connection.execute(
        "UPDATE worker_leases SET job_ids = job_ids || job_ids"  # as after a hand-back by the pulse and another claim
    )
    assert [(state.active, state.room) for state in limit_states(connection)] == [(1, 2)]
    assert job.id is not None


def test_a_pause_stops_claims_under_way(connection: Connection, four: list[Hand]) -> None:
    """What is claimed after it had begun when the pause came: nothing that begins later."""
    rows.insert_many(connection, rows.insert_organization(connection), 20_000)
    paused, claimed_later = threading.Event(), list[int]()

    def claim(hand: Hand) -> None:
        while not paused.is_set():
            hand.claim(1)
        claimed_later.append(len(hand.claim(8)))

    def stop() -> None:
        time.sleep(0.2)
        rows.pause(connection, "echo")
        paused.set()

    at_once([*(lambda hand=hand: claim(hand) for hand in four), stop])  # type: ignore[misc]
    assert claimed_later == [0, 0, 0, 0]
    claimed = sum(len(hand.claimed) for hand in four)
    assert 0 < claimed < 20_000
    assert len(rows.queued(connection)) == 20_000 - claimed
    connection.execute("DELETE FROM queues")
    assert len(four[0].claim(8)) == 8


def test_limits_and_cancels_and_claims_never_wait_in_a_circle(
    settings: Settings, connection: Connection, four: list[Hand]
) -> None:
    from jobsapp.store.jobs import cancel_job, expire_jobs

    organization = rows.insert_organization(connection)
    rows.insert_many(connection, organization, 150, expires_in=0.5)
    rows.insert_limit(connection, "queue", "echo", 2)
    rows.insert_limit(connection, "type", "echo", 2)
    rows.insert_limit(connection, "organization", "*", 2)

    def disturb() -> None:
        with connect(settings.database_url, "disturber") as own:
            for job_id in list(rows.queued(own))[:60]:
                cancel_job(own, job_id, user_id=None, reason=None)
                own.execute("UPDATE limits SET max_active = 3 - max_active WHERE scope = 'type'")
            while waits(own):
                expire_jobs(own)

    at_once([*(lambda hand=hand: work(hand, 4) for hand in four), disturb])  # type: ignore[misc]
    assert {row["status"] for row in rows.jobs(connection).values()} <= {"completed", "cancelled"}


def test_the_limit_in_the_way(connection: Connection, hand: Hand) -> None:
    organization = rows.insert_organization(connection)
    rows.insert_many(connection, organization, 5)
    rows.insert_limit(connection, "organization", "*", 1)
    rows.insert_limit(connection, "type", "steps", 1)
    assert in_the_way(limit_states(connection), "echo", "echo", organization) is None
    hand.claim()
    found = in_the_way(limit_states(connection), "echo", "echo", organization)
    assert found is not None
    assert (found.scope, found.key, found.active, found.max_active) == ("organization", str(organization), 1, 1)
