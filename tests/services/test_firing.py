"""What is due of schedules is made once, late, or not, as was chosen. Time is an argument."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.extensions import db
from jobsapp.runtime.firing import fire_due
from jobsapp.runtime.house import House
from jobsapp.runtime.use_cases import open_use_cases
from jobsapp.services import Services
from tests.services.schedules import NOON, Connection, due_from, hours, jobs_of, make, ran, tick


def test_a_due_run_makes_a_job_of_its_owner(services: Services, member: Actor, connection: Connection) -> None:
    made = make(services, member, name="Nightly", description="for all", priority=7, max_attempts=2)
    due_from(connection, made.id, NOON)
    assert tick(services, NOON - timedelta(seconds=1)) == 0
    assert tick(services, NOON) == 1
    (job_id,) = jobs_of(connection, made.id)
    job = services.jobs.get(member, job_id)
    assert (job.type, job.name, job.description, job.data, job.priority, job.max_attempts, job.user_id) == (
        "echo",
        "Nightly",
        "for all",
        {"text": "hi"},
        7,
        2,
        member.user_id,
    )
    shown = services.schedules.get(member, made.id)
    assert (shown.next_runs[0], shown.last_run_at, shown.runs) == (NOON + hours(1), NOON, 1)
    assert (shown.last_job_id, shown.last_job_status) == (job_id, "pending")
    assert services.schedules.of_job(member, job_id) == (made.id, "Nightly")


@pytest.mark.parametrize(
    ("missed", "limit", "outcomes"),
    [
        ("skip", 1, ["missed"]),
        ("once", 1, ["missed", "created"]),
        ("all", 3, ["missed", "created", "created", "created"]),
        ("all", 100, ["created"] * 25),
    ],
)
def test_a_keeper_that_was_off_for_a_day(
    services: Services, member: Actor, connection: Connection, missed: str, limit: int, outcomes: list[str]
) -> None:
    made = make(services, member, missed=missed, missed_limit=limit, overlap="allow")
    due_from(connection, made.id, NOON - hours(24))
    tick(services, NOON + timedelta(minutes=30))
    found = ran(connection, made.id)
    assert [outcome for _, outcome in found] == outcomes
    assert found[-1][0] == NOON
    runs, _ = services.schedules.runs(member, made.id)
    told = [one.missed for one in runs if one.outcome == "missed"]
    assert told == ([25 - outcomes.count("created")] if "missed" in outcomes else [])
    assert services.schedules.get(member, made.id).next_runs[0] == NOON + hours(1)
    assert tick(services, NOON + timedelta(minutes=31)) == 0, "and no more"


def test_a_run_that_is_a_little_late_was_not_missed(services: Services, member: Actor, connection: Connection) -> None:
    made = make(services, member, missed="skip")
    due_from(connection, made.id, NOON)
    tick(services, NOON + timedelta(seconds=59))
    assert ran(connection, made.id) == [(NOON, "created")]


@pytest.mark.parametrize("overlap", ["skip", "queue", "cancel", "allow"])
def test_a_run_is_due_while_the_last_one_waits(
    services: Services, member: Actor, connection: Connection, overlap: str
) -> None:
    made = make(services, member, overlap=overlap)
    due_from(connection, made.id, NOON)
    tick(services, NOON)
    tick(services, NOON + hours(1))
    first, *others = jobs_of(connection, made.id)
    assert [outcome for _, outcome in ran(connection, made.id)][1] == ("overlapped" if overlap == "skip" else "created")
    assert len(others) == (0 if overlap == "skip" else 1)
    assert services.jobs.get(member, first).status == ("cancelled" if overlap == "cancel" else "pending")
    waits = connection.execute("SELECT count(*) FROM job_queue WHERE blockers > 0").fetchone()
    assert waits == (1 if overlap in ("queue", "cancel") else 0,)
    connection.execute("UPDATE jobs SET followed = true, status = 'cancelled', cancelled_at = now()")
    connection.execute("DELETE FROM job_queue")
    tick(services, NOON + hours(2))
    assert ran(connection, made.id)[-1] == (NOON + hours(2), "created"), "the last one has ended"


def test_an_active_job_is_asked_to_stop_and_the_next_waits_for_it(
    services: Services, member: Actor, connection: Connection
) -> None:
    made = make(services, member, overlap="cancel")
    due_from(connection, made.id, NOON)
    tick(services, NOON)
    connection.execute("UPDATE jobs SET status = 'active', worker = 'w', attempts = 1")
    connection.execute("DELETE FROM job_queue")
    tick(services, NOON + hours(1))
    first, second = jobs_of(connection, made.id)
    stopping = services.jobs.get(member, first)
    assert (stopping.status, stopping.cancel_reason) == ("active", "The next run of its schedule was due.")
    assert connection.execute("SELECT job_id, blockers FROM job_queue").fetchall() == [(second, 1)]


def test_while_schedules_are_fired_nobody_waits_for_a_job_that_another_of_them_cancelled(
    services: Services, member: Actor, connection: Connection, settings: Settings
) -> None:
    """Each that cancels is a transaction of its own; what is fired beside it locks no job."""
    made = [make(services, member, overlap="cancel", name=name).id for name in ("one", "two")]
    made.append(make(services, member, overlap="allow", name="free").id)
    for number, one in enumerate(made):
        due_from(connection, one, NOON + timedelta(seconds=number))
    tick(services, NOON + timedelta(seconds=9))
    last = {jobs_of(connection, one)[0]: one for one in made}
    locked: list[set[UUID]] = []

    def look(_actor: Actor, _data: Any) -> None:
        """Which of the jobs of before their workers could not write now."""
        with psycopg.connect(settings.database_url) as worker:
            free = worker.execute("SELECT id FROM jobs FOR UPDATE SKIP LOCKED").fetchall()
        locked.append({one for job_id, one in last.items() if (job_id,) not in free})

    services.jobs.admissions["echo"] = look
    for number, one in enumerate(made):
        due_from(connection, one, NOON + hours(1) + timedelta(seconds=number))
    assert tick(services, NOON + hours(1) + timedelta(seconds=9)) == 3
    assert locked == [set(), {made[0]}, {made[1]}]
    for one in made:
        assert [outcome for _, outcome in ran(connection, one)] == ["created", "created"]


def test_one_that_is_to_be_fired_alone_and_was_fired_by_another_keeper_is_not_fired_again(
    services: Services, member: Actor, connection: Connection
) -> None:
    made = make(services, member, overlap="cancel")
    due_from(connection, made.id, NOON)
    tick(services, NOON)
    assert services.firing.tick(NOON + hours(1)).apart == [made.id]
    db.session.commit()
    tick(services, NOON + hours(1))
    services.firing.alone(made.id, NOON + hours(1))
    db.session.commit()
    assert ran(connection, made.id) == [(NOON, "created"), (NOON + hours(1), "created")]


def test_no_more_wait_in_a_row_than_may(
    services: Services, member: Actor, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobsapp.services.firing.MOST_QUEUED", 2)
    made = make(services, member, overlap="queue")
    due_from(connection, made.id, NOON)
    for hour in range(3):
        tick(services, NOON + hours(hour))
    assert [outcome for _, outcome in ran(connection, made.id)] == ["created", "created", "overlapped"]


def test_the_job_of_the_last_run_is_locked_by_somebody(
    services: Services, member: Actor, connection: Connection, settings: Settings
) -> None:
    made = make(services, member, overlap="cancel")
    due_from(connection, made.id, NOON)
    tick(services, NOON)
    with psycopg.connect(settings.database_url) as other:
        other.execute("SELECT FROM jobs FOR UPDATE")
        tick(services, NOON + hours(1))
        assert len(ran(connection, made.id)) == 1, "it waits for nobody"
    tick(services, NOON + hours(1) + timedelta(seconds=2))
    assert ran(connection, made.id)[1:] == [(NOON + hours(1), "created")]


@pytest.mark.parametrize("why", ["role", "deactivated", "gone", "type", "input"])
def test_what_cannot_run_any_more_is_paused_and_says_why(
    services: Services, member: Actor, connection: Connection, why: str
) -> None:
    made = make(services, member, name="first")
    due_from(connection, made.id, NOON)
    other = make(services, member)
    due_from(connection, other.id, NOON + timedelta(seconds=1))
    if why == "role":
        connection.execute("UPDATE memberships SET role = 'viewer' WHERE user_id = %s", [member.user_id])
    elif why == "deactivated":
        connection.execute("UPDATE users SET deactivated_at = now() WHERE id = %s", [member.user_id])
    elif why == "gone":
        connection.execute("DELETE FROM memberships WHERE user_id = %s", [member.user_id])
    elif why == "type":
        connection.execute("UPDATE schedules SET type = 'no-such-type' WHERE id = %s", [made.id])
    elif why == "input":
        connection.execute("""UPDATE schedules SET data = '{"txt": 1}' WHERE id = %s""", [made.id])
    tick(services, NOON + timedelta(seconds=5))
    row = connection.execute("SELECT paused_at, pause_reason FROM schedules WHERE id = %s", [made.id]).fetchone()
    assert row is not None
    assert row[0] == NOON + timedelta(seconds=5)
    words = {"type": "no job type 'no-such-type'", "input": "data.txt: there is no such field"}
    assert words.get(why, "may not create jobs here any more") in row[1]
    assert ran(connection, made.id) == []
    if why in words:
        assert ran(connection, other.id) == [(NOON + timedelta(seconds=1), "created")], "the others go on"


def test_a_fault_that_nobody_foresaw_is_tried_again(services: Services, member: Actor, connection: Connection) -> None:
    made, other = make(services, member, data={"text": "bad"}), make(services, member, name="other")
    for one in (made, other):
        due_from(connection, one.id, NOON)

    def fails(_actor: Actor, data: Any) -> None:
        if data.text == "bad":
            raise RuntimeError("broken")

    services.jobs.admissions["echo"] = fails
    tick(services, NOON)
    assert ran(connection, made.id) == []
    assert ran(connection, other.id) == [(NOON, "created")]
    assert tick(services, NOON + timedelta(seconds=59)) == 0
    del services.jobs.admissions["echo"]
    tick(services, NOON + timedelta(seconds=60))
    assert ran(connection, made.id) == [(NOON, "created")]


@pytest.fixture
def keepers(house: House) -> Iterator[list[Callable[[datetime], int]]]:
    """Two that lead at once, each with a session of its own."""
    with open_use_cases(house, "one") as (ones, first), open_use_cases(house, "two") as (twos, second):

        def ticker(services: Services, session: Any) -> Callable[[datetime], int]:
            def fire(now: datetime) -> int:
                try:
                    return fire_due(services, session, now)
                finally:
                    session.remove()

            return fire

        yield [ticker(ones, first), ticker(twos, second)]


@pytest.mark.parametrize("overlap", ["allow", "cancel"])
def test_two_keepers_make_each_run_once(
    services: Services, member: Actor, connection: Connection, keepers: list[Callable[[datetime], int]], overlap: str
) -> None:
    made = [make(services, member, overlap=overlap).id for _ in range(30)]
    for one in made:
        due_from(connection, one, NOON)
    threads = [
        threading.Thread(target=lambda keeper=keeper: [keeper(NOON + hours(hour)) for hour in range(6) for _ in "ab"])
        for keeper in keepers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for keeper in keepers:
        keeper(NOON + hours(5))
    wanted = {NOON + hours(hour) for hour in range(6)}
    for one in made:
        found = ran(connection, one)
        assert {at for at, _ in found} <= wanted
        assert [at for at, _ in found] == sorted({at for at, _ in found})
    counted = connection.execute("SELECT count(*), count(DISTINCT job_id) FROM schedule_runs WHERE job_id IS NOT NULL")
    jobs = connection.execute("SELECT count(*) FROM jobs").fetchone()
    runs = counted.fetchone()
    assert runs is not None
    assert jobs is not None
    assert runs[0] == runs[1] == jobs[0] > 0


def test_a_run_that_is_written_down_is_not_made_again(
    services: Services, member: Actor, connection: Connection
) -> None:
    made = make(services, member, overlap="allow")
    for _ in range(2):
        due_from(connection, made.id, NOON)
        tick(services, NOON)
    assert ran(connection, made.id) == [(NOON, "created")]
    assert len(services.jobs.newest(member.organization_id, 10)) == 1


def test_what_was_not_committed_is_made_by_the_next(services: Services, member: Actor, connection: Connection) -> None:
    made = make(services, member)
    due_from(connection, made.id, NOON)
    services.firing.tick(NOON)
    db.session.rollback()
    assert ran(connection, made.id) == []
    tick(services, NOON)
    assert ran(connection, made.id) == [(NOON, "created")]


def test_a_history_has_an_end(
    services: Services, member: Actor, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobsapp.services.firing.KEPT_RUNS", 3)
    monkeypatch.setattr("jobsapp.services.firing.FORGET_EVERY", 5)
    made = make(services, member, overlap="allow")
    due_from(connection, made.id, NOON)
    for hour in range(5):
        tick(services, NOON + hours(hour))
    assert [at for at, _ in ran(connection, made.id)] == [NOON + hours(hour) for hour in (2, 3, 4)]
