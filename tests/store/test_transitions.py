"""Every statement that moves a job, tried from every state: together they are the table of states, and no more."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.core.outcomes import Transition
from jobsapp.core.states import TRANSITIONS, Status
from jobsapp.runtime.house import House
from jobsapp.store.connect import connect
from jobsapp.store.jobs import cancel_job, pulse_job
from jobsapp.store.turns import Ended, claim_jobs, finish_job, take_turn
from tests.store.moves import (
    AGAIN,
    CANCEL,
    COMPLETE,
    ENDS,
    FAIL,
    HAND_BACK,
    MOVES,
    REPEATED,
    SAID,
    STOP,
    Bench,
    Connection,
)
from tests.store.rows import MARKS, assert_marks, insert_job, leases

# The one that is neither refused nor a move: a cancel asks an active job to stop. It is tried alone.
CASES = [(status, name) for status in Status for name in MOVES if (status, name) != (Status.ACTIVE, "cancel")]


@pytest.fixture
def bench(connection: Connection, organization: UUID, house: House) -> Bench:
    return Bench(connection, house, insert_job(connection, organization))


def bring(bench: Bench, status: Status) -> None:
    """Bring a new job to that state. All but a pending one ran as attempt 1, or run as it."""
    if status != Status.PENDING:
        assert bench.claim()
        bench.pulse()
    match status:
        case Status.COMPLETED:
            assert bench.end(COMPLETE)
        case Status.FAILED:
            assert bench.end(FAIL)
        case Status.CANCELLED:
            assert bench.end(STOP)
    assert bench.row()["status"] == status


def test_the_moves_together_are_the_table() -> None:
    moves = {(old, one.target) for one in MOVES.values() for old in one.origins}
    assert moves == {(old, new) for old, following in TRANSITIONS.items() for new in following}


@pytest.mark.parametrize(("status", "name"), CASES)
def test_a_move_is_made_whole_or_not_at_all(bench: Bench, status: Status, name: str) -> None:
    one = MOVES[name]
    bring(bench, status)
    before, history, lines = bench.everything()
    answer = one.run(bench)
    if status not in one.origins:
        assert not answer
        assert bench.everything() == (before, history, lines)
        return
    assert answer
    after, new_history, _ = bench.everything()
    assert_marks(after)
    assert (after["status"], after["revision"]) == (one.target, before["revision"] + 1)
    assert after["attempts"] == before["attempts"] + (name == "claim")
    assert after["updated_at"] > before["updated_at"]
    changed = {column for column in after if after[column] != before[column]}
    assert one.columns - REPEATED <= changed <= {"status", "revision", "updated_at"} | one.columns | set(MARKS.values())
    # What completed the job stands on its own row.
    kept = one.ends_attempt and one.target != Status.COMPLETED
    assert new_history.keys() - history.keys() == ({1} if kept else set())


@pytest.mark.parametrize("status", Status)
def test_an_active_job_alone_has_a_pulse(bench: Bench, status: Status) -> None:
    bring(bench, status)
    before, history, lines = bench.everything()
    renewed = (leases(bench.connection).get("w") or {}).get("lease_until")
    answer = bench.pulse()
    lease = (leases(bench.connection).get("w") or {}).get("lease_until")
    after, new_history, new_lines = bench.everything()
    assert new_history == history
    if status != Status.ACTIVE:
        assert answer is None
        assert (after, new_lines, lease) == (before, lines, renewed)
        return
    assert lease > renewed
    assert_marks(after)
    assert (after["status"], after["revision"], new_lines) == (status, before["revision"] + 1, lines + 1)


def test_an_active_job_is_asked_to_stop_and_stays_active(bench: Bench) -> None:
    bring(bench, Status.ACTIVE)
    before = bench.row()
    assert bench.cancel()
    after = bench.row()
    assert_marks(after)
    assert (after["status"], after["revision"]) == (Status.ACTIVE, before["revision"] + 1)
    assert {column for column in after if after[column] != before[column]} <= CANCEL | {"revision", "updated_at"}


@pytest.mark.parametrize("transition", ENDS, ids=lambda one: f"{one.status}-{one.outcome}")
@pytest.mark.parametrize("off", [-1, 1])
def test_another_attempt_writes_nothing(bench: Bench, transition: Transition, off: int) -> None:
    bring(bench, Status.ACTIVE)
    attempt = bench.row()["attempts"] + off
    before = bench.everything()
    assert finish_job(bench.connection, bench.job_id, attempt, transition) is None
    assert take_turn(bench.connection, [Ended(bench.job_id, attempt, transition, said=SAID)]).finished == []
    assert pulse_job(bench.connection, bench.job_id, attempt, SAID, lease_seconds=600) is None
    assert bench.everything() == before


@pytest.mark.parametrize("transition", ENDS, ids=lambda one: f"{one.status}-{one.outcome}")
def test_a_cancel_wins_over_all_but_success(bench: Bench, transition: Transition) -> None:
    bring(bench, Status.ACTIVE)
    bench.cancel()
    bench.end(transition)
    expected = Status.COMPLETED if transition is COMPLETE else Status.CANCELLED
    row, history, _ = bench.everything()
    assert_marks(row)
    assert row["status"] == expected
    assert [one["outcome"] for one in history.values()] == ([] if transition is COMPLETE else [expected])


def test_a_cancel_that_commits_while_the_end_waits_for_the_row_wins_too(bench: Bench, settings: Settings) -> None:
    bring(bench, Status.ACTIVE)
    with connect(settings.database_url, "other") as other, ThreadPoolExecutor(1) as pool:
        with other.transaction():
            assert cancel_job(other, bench.job_id, user_id=None, reason=None)
            waiting = pool.submit(bench.end, AGAIN)
            while not other.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                assert not waiting.done()
        assert waiting.result(30)
    assert_marks(bench.everything()[0])
    assert bench.row()["status"] == Status.CANCELLED


def test_a_cancel_waits_for_a_claim_and_asks_the_job_to_stop(bench: Bench, settings: Settings) -> None:
    with connect(settings.database_url, "other") as other, ThreadPoolExecutor(1) as pool:
        with other.transaction():
            assert claim_jobs(other, "echo", worker="w", lease_seconds=600)
            waiting = pool.submit(bench.cancel)
            while not other.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                assert not waiting.done()
        assert waiting.result(30)
    row, _, _ = bench.everything()
    assert (row["status"], row["cancel_reason"]) == (Status.ACTIVE, "enough")


def test_a_cancel_waits_for_a_job_that_comes_back_and_takes_it_out_of_the_queue(
    bench: Bench, settings: Settings
) -> None:
    bring(bench, Status.ACTIVE)
    with connect(settings.database_url, "other") as other, ThreadPoolExecutor(1) as pool:
        with other.transaction():
            assert finish_job(other, bench.job_id, 1, HAND_BACK)
            waiting = pool.submit(bench.cancel)
            while not other.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                assert not waiting.done()
        assert waiting.result(30)
    assert bench.everything()[0]["status"] == Status.CANCELLED
    assert not bench.claim()
    assert bench.retry()
    assert bench.claim()


@pytest.mark.parametrize("lose", [Bench.lose_worker, Bench.lose_lease])
def test_a_lost_job_fails_after_its_last_attempt_and_stops_after_a_cancel(
    bench: Bench, lose: Callable[[Bench], object]
) -> None:
    for _ in range(3):
        assert bench.claim()
        assert lose(bench)
    assert bench.row()["status"] == Status.FAILED
    assert bench.retry()
    assert bench.claim()
    assert bench.cancel()
    assert lose(bench)
    assert bench.row()["status"] == Status.CANCELLED
    assert [one["outcome"] for one in bench.everything()[1].values()] == ["died", "died", "died", "cancelled"]


def test_a_lease_covers_any_number_of_jobs(connection: Connection, organization: UUID) -> None:
    made = [insert_job(connection, organization) for _ in range(1500)]
    claimed = [claim_jobs(connection, "echo", worker="w", lease_seconds=600, limit=500) for _ in range(3)]
    assert {job.id for batch in claimed for job in batch} == set(made)
    assert set(leases(connection)["w"]["job_ids"]) == set(made)


@pytest.mark.parametrize("status", Status)
def test_the_database_refuses_what_does_not_belong_to_a_state(bench: Bench, status: Status) -> None:
    bring(bench, status)
    for column in MARKS.values():
        wrong = "NULL" if bench.row()[column] else "now()"
        with pytest.raises(psycopg.errors.CheckViolation):
            bench.connection.execute(f"UPDATE jobs SET {column} = {wrong}")
    if status == Status.ACTIVE:
        with pytest.raises(psycopg.errors.CheckViolation):
            bench.connection.execute("UPDATE jobs SET worker = NULL")
    for new in set(Status) - {status, Status.PENDING, Status.ACTIVE}:
        with pytest.raises(psycopg.errors.CheckViolation):
            bench.connection.execute("UPDATE jobs SET status = %s", [new])


def test_the_database_the_code_and_the_chart_have_the_same_states(connection: Connection) -> None:
    found = connection.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'jobs_status'")
    checked = re.findall(r"'(\w+)'", found.fetchall()[0][0])
    chart = Path("docs/architecture.md").read_text().split("stateDiagram-v2")[1].split("```")[0]
    drawn = re.findall(r"^\s*(\S+) --> (\w+)", chart, re.MULTILINE)
    assert sorted(checked) == sorted(Status)
    assert {state for arrow in drawn for state in arrow} - {"[*]"} == set(checked)
    assert [new for old, new in drawn if old == "[*]"] == [Status.PENDING]
