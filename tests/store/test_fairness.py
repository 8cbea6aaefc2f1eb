"""Organisations take turns inside a queue, for each priority; in an organisation the oldest comes first."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobsapp.store.jobs import waiting_organizations
from jobsapp.store.turns import FIRST, take_turn
from tests.store import rows
from tests.store.workers import Hand, at_once

Connection = psycopg.Connection[Any]
MANY = 100_000


def organizations(connection: Connection, number: int) -> list[UUID]:
    """In the order in which they have their turns."""
    return sorted(rows.insert_organization(connection) for _ in range(number))


@pytest.mark.parametrize("late", ["smaller", "larger"])
def test_one_job_does_not_wait_behind_a_hundred_thousand(connection: Connection, hand: Hand, late: str) -> None:
    small, big = organizations(connection, 2)[:: 1 if late == "smaller" else -1]
    rows.insert_many(connection, big, MANY)
    assert hand.organizations(5) == {big: 5}
    first, second = (rows.insert_job(connection, small) for _ in range(2))
    assert [job.id for job in hand.claim(1)] == [first]
    assert second in [job.id for job in hand.claim(128)[:2]]
    assert hand.organizations(128) == {big: 128}


@pytest.mark.parametrize("limit", [1, 8, 50, 128])
@pytest.mark.parametrize("number", [2, 7, 70, 200])
def test_all_get_the_same_share(connection: Connection, hand: Hand, number: int, limit: int) -> None:
    for organization in organizations(connection, number):
        # A third more than it gets at most before the end: none runs out.
        rows.insert_many(connection, organization, 4 * max(number, limit) // number)
    got: Counter[UUID] = Counter()
    while got.total() < 3 * max(number, limit):
        got += hand.organizations(limit)
        shares = [got[organization] for organization in got]
        if len(got) == number:
            assert max(shares) - min(shares) <= -(-limit // number), f"after {got.total()}: {min(shares)}"
    assert len(got) == number


def test_a_batch_takes_turns_too(connection: Connection, hand: Hand) -> None:
    """Those that were first must not be run first all together."""
    old, new = organizations(connection, 2)
    rows.insert_many(connection, old, 10)
    for _ in range(3):
        rows.insert_job(connection, new)
    batch = hand.claim(8)
    assert [job.organization_id for job in batch] == [old, new, old, new, old, new, old, old]
    times = rows.queued(connection) | rows.jobs(connection)
    for one in (old, new):
        line = [times[job.id]["run_at"] for job in batch if job.organization_id == one]
        assert line == sorted(line)


@pytest.mark.parametrize("limit", [1, 3, 16, 128])
def test_priority_is_exact_across_organisations(connection: Connection, hand: Hand, limit: int) -> None:
    draw = random.Random(limit)
    for organization in organizations(connection, 5):
        for priority in (2, 1, 0):
            rows.insert_many(connection, organization, draw.choice((0, 1, 5, 40)), priority=priority)
    priorities = {job_id: row["priority"] for job_id, row in rows.jobs(connection).items()}
    ran = [priorities[job.id] for job in hand.drain(limit)]
    assert ran == sorted(priorities.values(), reverse=True)


def test_priority_is_exact_for_four_workers(connection: Connection, four: list[Hand]) -> None:
    """None of them gets a job while one of larger priority still waits."""
    for organization in organizations(connection, 3):
        for priority in (2, 1, 0):
            rows.insert_many(connection, organization, 60, priority=priority)
    at_once([lambda hand=hand: hand.drain(4) for hand in four])  # type: ignore[misc]
    assert sum(len(hand.claimed) for hand in four) == 540
    priorities = rows.jobs(connection)
    for hand in four:
        mine = [priorities[job.id]["priority"] for job in hand.claimed]
        assert mine == sorted(mine, reverse=True)


def test_first_come_first_served_in_an_organisation(connection: Connection, hand: Hand) -> None:
    one, other = organizations(connection, 2)
    waiting = {
        organization: [rows.insert_job(connection, organization) for _ in range(9)] for organization in (one, other)
    }
    ran = hand.drain(4)
    for organization in (one, other):
        assert [job.id for job in ran if job.organization_id == organization] == waiting[organization]


def test_workers_that_start_together_do_not_all_serve_the_same(connection: Connection, four: list[Hand]) -> None:
    """Each begins with one of those that wait, by chance: as the ledger of a work-horse does."""
    everybody = organizations(connection, 20)
    for organization in everybody:
        rows.insert_many(connection, organization, 10)
    lanes = waiting_organizations(connection, "echo")
    assert lanes == everybody
    for hand in four:
        hand.last = random.choice(lanes)
    at_once([lambda hand=hand: hand.claim() for hand in four])  # type: ignore[misc]
    served = {hand.claimed[0].organization_id for hand in four}
    # All the same by chance: once in 8,000 runs.
    assert len(served) > 1


def test_a_line_that_another_worker_holds_is_passed_by(connection: Connection, four: list[Hand]) -> None:
    held, free = organizations(connection, 2)
    rows.insert_many(connection, held, 5)
    rows.insert_many(connection, free, 5)
    with four[0].connection.transaction():
        four[0].connection.execute("SELECT FROM job_queue WHERE organization_id = %s FOR UPDATE", [held])
        assert four[1].organizations(1) == {free: 1}
        assert four[1].organizations(8) == {free: 4}
        assert four[1].organizations(8) == {}
    assert four[1].organizations(8) == {held: 5}


def test_what_expired_is_passed_by(connection: Connection, hand: Hand) -> None:
    (organization,) = organizations(connection, 1)
    rows.insert_many(connection, organization, 500, expires_in=-1)
    living = rows.insert_job(connection, organization)
    assert [job.id for job in hand.claim(8)] == [living]


def test_a_trickle_of_urgent_jobs_starves_no_organisation(connection: psycopg.Connection[Any]) -> None:
    """Each batch has room for one job of the smaller priority: the others take turns in it."""
    urgent, *others = sorted(rows.insert_organization(connection) for _ in range(4))
    for organization in others:
        for _ in range(5):
            rows.insert_job(connection, organization)
    after, served = FIRST, []
    for _ in range(9):
        rows.insert_job(connection, urgent, priority=5)
        turn = take_turn(connection, [], queue="echo", worker="w", lease_seconds=60, limit=2, after=after)
        assert turn.claimed[0].organization_id == urgent
        served.append(turn.claimed[1].organization_id)
        after = turn.last
    assert Counter(served) == dict.fromkeys(others, 3)
