"""The timeline of a job, made from what is recorded and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.models import JobAttempt
from jobsapp.pages.language import speed
from jobsapp.pages.timeline import Step, timeline
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.views import JobView, ProgressView, WaitingView
from jobsapp.store import turns

ZERO = datetime(2026, 11, 26, 12, tzinfo=UTC)
ID = UUID(int=1)
ALLOWANCE = 3


def at(seconds: float) -> datetime:
    return ZERO + timedelta(seconds=seconds)


def job(**said: Any) -> JobView:
    plain = dict.fromkeys(JobView.model_fields)
    plain |= {"id": ID, "organization_id": ID, "type": "t", "queue": "t", "name": "n", "description": "", "data": {}}
    plain |= {"status": "pending", "priority": 0, "attempts": 0, "max_attempts": ALLOWANCE, "artifacts": []}
    plain |= {"run_at": ZERO, "created_at": ZERO, "updated_at": ZERO, "revision": 1}
    plain |= {"progress": ProgressView(current=None, total=None, percentage=None, message=None)}
    plain |= {"progress_unit": "items", "depends_on": [], "depends_on_count": 0, "dependents": 0}
    return JobView.model_validate(plain | said)


def ran(number: int, start: float, end: float | None, outcome: str | None) -> JobAttempt:
    ended = None if end is None else at(end)
    return JobAttempt(number=number, worker="w", started_at=at(start), ended_at=ended, outcome=outcome)


def steps(view: JobView, *attempts: JobAttempt) -> list[Step]:
    found = timeline(view, attempts, allowance=ALLOWANCE)
    assert [one.now for one in found] == [False] * (len(found) - 1) + [True]
    return found


def told(view: JobView, *attempts: JobAttempt) -> list[tuple[str, float | None]]:
    """Titles, with seconds where a step has an end."""
    return [
        (one.title, None if one.milliseconds is None else one.milliseconds / 1000) for one in steps(view, *attempts)
    ]


def test_a_job_that_just_runs_through() -> None:
    done = job(status="completed", attempts=1, started_at=at(2), completed_at=at(9))
    assert told(done, ran(1, 2, 9, "completed")) == [
        ("Created", None),
        ("Waited", 2),
        ("Attempt 1 completed", 7),
        ("Job completed", None),
    ]


def test_waiting_says_since_when_and_why() -> None:
    why = WaitingView.model_validate({"code": "worker", "text": "Next in the queue"} | {"place": 1, "until": None})
    last = steps(job(waiting_for=why))[-1]
    assert (last.title, last.at, last.note, last.now, last.due) == ("Waits", ZERO, "Next in the queue", True, None)


def test_a_start_time_and_a_retry_are_what_was_waited_for() -> None:
    waits = steps(job(run_at=at(60)))[-1]
    assert waits.due == at(60)
    started = steps(job(status="active", attempts=1, run_at=at(60), started_at=at(61)), ran(1, 61, None, None))
    assert [(one.title, one.due) for one in started[1:]] == [
        ("Waited for its start time", at(60)),
        ("Attempt 1 runs", None),
    ]
    assert started[-1].now
    again = job(status="active", attempts=2, run_at=at(14), started_at=at(15))
    found = steps(again, ran(1, 2, 10, "failed"), ran(2, 15, None, None))
    assert [(one.title, one.due) for one in found[1:]] == [
        ("Waited", None),
        ("Attempt 1 failed", None),
        ("Waited for its next attempt", at(14)),
        ("Attempt 2 runs", None),
    ]
    assert found[2].state == "failed"


def test_of_earlier_waits_nothing_is_made_up() -> None:
    third = job(status="active", attempts=3, run_at=at(40), started_at=at(41))
    found = steps(third, ran(1, 2, 10, "died"), ran(2, 15, 20, "failed"), ran(3, 41, None, None))
    assert [one.title for one in found if one.kind == "waited"] == ["Waited", "Waited", "Waited for its next attempt"]


def test_somebody_asked_again() -> None:
    waits = job(attempts=3, max_attempts=6, run_at=at(500))
    last = ran(3, 20, 30, "failed")
    assert [(one.title, one.at) for one in steps(waits, last)[-2:]] == [
        ("Asked to run again", at(500)),
        ("Waits", at(500)),
    ]
    runs = job(status="active", attempts=4, max_attempts=6, run_at=at(500), started_at=at(503))
    assert told(runs, last, ran(4, 503, None, None))[-3:] == [
        ("Asked to run again", None),
        ("Waited", 3),
        ("Attempt 4 runs", None),
    ]


def test_a_worker_that_handed_back_is_not_somebody_asking() -> None:
    view = job(attempts=1, max_attempts=4, run_at=at(11))
    assert [one.kind for one in steps(view, ran(1, 2, 10, "handed-back"))] == ["created", "waited", "attempt", "waited"]


def test_a_cancel_in_its_steps() -> None:
    asked = {"cancel_requested_at": at(5), "cancel_reason": "wrong file"}
    stopping = job(status="active", attempts=1, started_at=at(2), **asked)
    found = steps(stopping, ran(1, 2, None, None))
    assert [one.title for one in found[-3:]] == ["Attempt 1 runs", "Cancel requested", "Stopping"]
    assert found[-2].note == "wrong file"
    assert [one.goes_on for one in found[-3:]] == [True, False, True]
    over = job(status="cancelled", attempts=1, started_at=at(2), cancelled_at=at(6), **asked)
    assert [one.title for one in steps(over, ran(1, 2, 6, "cancelled"))[-3:]] == [
        "Attempt 1 cancelled",
        "Cancel requested",
        "Job cancelled",
    ]


def test_cancelled_while_it_waited_and_expired() -> None:
    view = job(status="cancelled", cancel_requested_at=at(5), cancelled_at=at(5), cancelled_by=ID, cancel_reason="no")
    assert told(view) == [("Created", None), ("Waited", 5), ("Job cancelled", None)]
    assert steps(view)[-1].note == "no"
    late = job(status="cancelled", cancel_requested_at=at(5), cancelled_at=at(5), expires_at=at(4))
    assert steps(late)[-1].title == "Job expired"


def test_the_page_shows_it_as_an_ordered_list(
    web: FlaskClient, services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    created, _ = services.jobs.create(admin, NewJob("steps", {}))
    (claimed,) = turns.claim_jobs(connection, "steps", worker="w1", lease_seconds=60)
    failed = Transition(Status.FAILED, "failed", failure=Failure("BadRow", "Line 7", "Traceback: insides"))
    turns.finish_job(connection, claimed.id, claimed.attempt, failed)
    page = web.get(f"/jobs/{created.id}/details").text
    assert page.count('<ol class="timeline"') == 1
    assert page.index("Created") < page.index("Attempt 1 failed") < page.index("Job failed")
    assert page.count('aria-current="step"') == 1
    assert page.count("Line 7") == 1
    assert page.count("data-clock") >= 5


@pytest.mark.parametrize(
    ("rate", "unit", "text"),
    [
        (1240.4, "items", "1,240 items/s"),
        (12.34, "items", "12.3 items/s"),
        (0.5, "items", "30.0 items/min"),
        (0.001, "items", "3.6 items/h"),
        (3_140_000, "bytes", "3.1 MB/s"),
    ],
)
def test_a_rate_is_said_in_a_unit_that_reads_well(rate: float, unit: str, text: str) -> None:
    assert speed(rate, unit) == text
