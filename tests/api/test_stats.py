"""Numbers about jobs, now and over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.core.histogram import ERROR
from jobsapp.core.ids import new_id
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.periods import last_hours
from jobsapp.core.states import Status
from jobsapp.services import Services
from jobsapp.services.past import Past
from jobsapp.store.tallies import fold
from tests.api.conftest import Caller, Hand
from tests.api.problems import fields

Connection = psycopg.Connection[Any]
DONE = Transition(Status.COMPLETED, "completed", result={})
BROKEN = Transition(Status.FAILED, "failed", failure=Failure("BadRow", "No."))
STATS, HISTORY = "/api/jobs/stats", "/api/jobs/stats/history"


def age(connection: Connection, status: str, hours: float) -> None:
    """As if what is in the history had ended so long ago."""
    fold(connection)
    for grain in ("minute", "hour", "day"):
        connection.execute(
            "UPDATE job_history SET at = date_trunc(%s, at - make_interval(secs => %s), 'UTC') "
            "WHERE grain = %s AND status = %s",
            [grain, hours * 3600, grain, status],
        )


def ended(history: dict[str, Any], kind: str) -> list[int]:
    """How many ended so in each stretch where something did."""
    return [point[kind] for point in history["points"] if point[kind]]


def test_the_history_has_each_end_where_it_came(
    as_member: Caller, as_stranger: Caller, hand: Hand, connection: Connection
) -> None:
    cancelled = [as_member.create() for _ in range(4)][3]
    as_stranger.create()
    as_member("PATCH", f"/api/jobs/{cancelled['id']}/cancel")
    hand.finish(hand.claim(), BROKEN)
    age(connection, "failed", 5)
    age(connection, "cancelled", 30)
    for _ in range(2):
        hand.finish(hand.claim(), DONE)
    history = as_member("GET", HISTORY).get_json()
    assert (history["stepSeconds"], len(history["points"])) == (3600, 24)
    assert ended(history, "failed") == [1]
    assert history["points"][-6]["failed"] == 1
    assert ended(history, "cancelled") == [], "that was before"
    assert sum(ended(history, "completed")) == 2
    assert history["points"][0]["durationP50Ms"] is None
    assert [one for one in history["points"] if one["durationP95Ms"] is not None] == [
        one for one in history["points"] if one["completed"]
    ]
    week = as_member("GET", f"{HISTORY}?hours=168&type=echo").get_json()
    assert (sum(ended(week, "failed")), sum(ended(week, "cancelled"))) == (1, 1)
    assert ended(as_member("GET", f"{HISTORY}?type=steps").get_json(), "failed") == []
    assert len(as_member("GET", f"{HISTORY}?hours=3").get_json()["points"]) == 180
    assert len(as_member("GET", f"{HISTORY}?hours=2160").get_json()["points"]) == 90


def test_what_was_retried_and_deleted_stays_in_the_history_and_leaves_the_stats(
    as_member: Caller, as_admin: Caller, hand: Hand, connection: Connection
) -> None:
    job_id = as_member.create()["id"]
    hand.finish(hand.claim(), BROKEN)
    as_member("POST", f"/api/jobs/{job_id}/retry")
    hand.finish(hand.claim(), DONE)
    connection.execute(
        "UPDATE jobs SET completed_at = completed_at - interval '60 days', started_at = started_at - interval '60 days'"
    )
    assert as_admin("DELETE", "/api/jobs/cleanup?days=30").get_json() == {"deleted": 1}
    assert as_member("GET", STATS).get_json()["total"] == 0
    assert as_member("GET", STATS).get_json()["durationP50Ms"] is None
    history = as_member("GET", f"{HISTORY}?hours=1").get_json()
    assert (sum(ended(history, "failed")), sum(ended(history, "completed"))) == (1, 1)


def test_durations_are_as_exact_as_is_said(as_member: Caller, connection: Connection) -> None:
    first = as_member.create()["id"]
    # 1 ms to 28 h, and the percentiles of these are known.
    took = [1.1**n for n in range(200)]
    connection.execute(
        """INSERT INTO jobs (id, organization_id, user_id, type, queue, name, data, max_attempts, allowance, status,
             started_at, completed_at)
           SELECT gen_random_uuid(), organization_id, user_id, type, queue, name, data, 3, 3, 'completed',
             now() - make_interval(secs => ms / 1000), now()
           FROM jobs, unnest(%s::float8[]) AS ms WHERE id = %s""",
        [took, first],
    )
    for _ in range(2):
        stats = as_member("GET", STATS).get_json()
        assert stats["durationP50Ms"] == pytest.approx(took[99], rel=ERROR)
        assert stats["durationP95Ms"] == pytest.approx(took[189], rel=ERROR)
        fold(connection)


def test_failures_are_told_from_the_hour_in_which_the_period_begins(
    services: Services, member: Actor, as_member: Caller, hand: Hand, connection: Connection
) -> None:
    as_member.create()
    hand.finish(hand.claim(), BROKEN)
    fold(connection)
    hour = timedelta(hours=1)
    # In the last minute of an hour the period begins with the hour.
    begins = last_hours(1, datetime.now(UTC)).since.replace(minute=0)
    for at, told in ((begins, 1), (begins - hour, 0)):
        connection.execute("UPDATE job_failures SET hour = %s", [at])
        assert len(services.history.failures(member, hours=1)) == told


def test_queue_depth_counts_what_is_due_and_own(as_member: Caller, as_admin: Caller) -> None:
    for caller in (as_member, as_member, as_admin):
        caller.create(priority=new_id().int % 5)
    as_member.create("steps", runAt=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    assert as_member("GET", STATS).get_json()["queueDepth"] == {"echo": 2}
    assert as_member("GET", f"{STATS}?scope=organization").get_json()["queueDepth"] == {"echo": 3}


@pytest.mark.parametrize(
    ("query", "field"),
    [("hours=0", "hours"), ("hours=2161", "hours"), ("hours=x", "hours"), ("type=nothing", "type"), ("days=3", "days")],
)
def test_what_cannot_be_asked_is_named(as_member: Caller, query: str, field: str) -> None:
    assert fields(as_member("GET", f"{HISTORY}?{query}")) == [field]


def test_what_is_remembered_of_hours_that_are_over_gives_the_same(
    as_member: Caller, member: Actor, services: Services, hand: Hand, connection: Connection
) -> None:
    now = datetime.now(UTC)
    for _ in range(2):
        as_member.create(), as_member.create()
        hand.finish(hand.claim(), BROKEN)
        hand.finish(hand.claim(), DONE)
        age(connection, "failed", 9)
    as_member.create()
    hand.finish(hand.claim(), DONE)

    def looks(one: Services, hours_later: int) -> Past:
        return one.history.past(member, hours=24, now=now + timedelta(hours=hours_later))

    first = looks(services, 0)
    assert (first.whole.completed, first.whole.failed, first.types["echo"].completed) == (3, 2, 3)
    connection.execute("DELETE FROM job_history WHERE status = 'failed' AND grain = 'hour'")
    as_member.create()
    hand.finish(hand.claim(), DONE)
    again = looks(services, 0)
    assert again.points.keys() == first.points.keys()
    assert (again.whole.completed, again.whole.failed) == (4, 2), "what ended just now, and what was over"
    assert sum(again.throughput["echo"]) == again.whole.total == 6
    assert sum(one.total for one in again.points.values()) == 6
    assert again.whole.p50 == again.types["echo"].p50 is not None
    assert looks(services, 1).whole.failed == 0, "another hour is over: it is read anew"
    assert (first.whole.completed, first.whole.failed) == (3, 2), "what was handed out stays as it was"
