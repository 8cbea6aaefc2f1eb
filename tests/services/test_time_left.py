"""The time left counts what this attempt did, not what a checkpoint brought."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store.jobs import ClaimedJob, Pulse, pulse_job
from jobsapp.store.turns import claim_jobs, finish_job


def about(seconds: int) -> Any:
    """Half a minute may pass in a test for as long as the clock is turned by a thousand seconds."""
    return pytest.approx(seconds, rel=0.03)


class Attempt:
    """An attempt by hand, on the statements that a work-horse uses; the clock is turned, not waited for."""

    def __init__(self, services: Services, actor: Actor, connection: psycopg.Connection[Any]) -> None:
        self._services, self._actor, self._connection = services, actor, connection
        self._job = self._claim()

    def report(self, current: float | None, total: float | None, *, checkpoint: Any = None) -> None:
        pulse = Pulse(current, total, None, changed=True, checkpoint=checkpoint)
        assert pulse_job(self._connection, self._job.id, self._job.attempt, pulse, lease_seconds=60)

    def pass_seconds(self, seconds: int) -> None:
        self._connection.execute(
            """UPDATE jobs SET started_at = started_at - make_interval(secs => %(seconds)s),
               progress_base_at = progress_base_at - make_interval(secs => %(seconds)s)""",
            {"seconds": seconds},
        )

    def again(self) -> None:
        """This attempt fails, and the next begins."""
        assert finish_job(self._connection, self._job.id, self._job.attempt, Transition(Status.PENDING, "failed"))
        self._job = self._claim()

    @property
    def left(self) -> int | None:
        return self._services.views.job(self._services.jobs.get(self._actor, self.job_id)).eta_seconds

    @property
    def job_id(self) -> UUID:
        return self._job.id

    def _claim(self) -> ClaimedJob:
        (job,) = claim_jobs(self._connection, "steps", worker="w", lease_seconds=60)
        return job


@pytest.fixture
def attempt(services: Services, admin: Actor, connection: psycopg.Connection[Any]) -> Attempt:
    services.jobs.create(admin, NewJob("steps", {}))
    return Attempt(services, admin, connection)


@pytest.fixture
def resumed(attempt: Attempt) -> Attempt:
    """The second attempt of a job whose first one did 50 of 100 in a thousand seconds."""
    attempt.pass_seconds(1000)
    attempt.report(50, 100, checkpoint={"done": 50})
    assert attempt.left == about(1000)
    attempt.again()
    assert attempt.left is None
    return attempt


def test_the_first_report_is_what_the_checkpoint_brought(resumed: Attempt) -> None:
    resumed.report(50, 100)
    resumed.pass_seconds(1000)
    assert resumed.left is None, "nothing is known of this attempt's rate yet"
    resumed.report(60, 100)
    assert resumed.left == about(4000)


def test_preparing_before_the_first_report_does_not_count(resumed: Attempt) -> None:
    resumed.report(None, None)
    resumed.pass_seconds(10_000)
    resumed.report(52, 100)
    resumed.pass_seconds(1000)
    resumed.report(76, 100)
    assert resumed.left == about(1000)


def test_an_attempt_that_does_not_go_on_from_the_checkpoint(resumed: Attempt) -> None:
    resumed.report(0, 100)
    resumed.pass_seconds(1000)
    assert resumed.left is None
    resumed.report(20, 100)
    assert resumed.left == about(4000)


def test_each_attempt_has_a_base_of_its_own(resumed: Attempt) -> None:
    resumed.report(50, 100)
    resumed.pass_seconds(1000)
    resumed.report(60, 100, checkpoint={"done": 60})
    resumed.again()
    resumed.report(60, 100)
    resumed.pass_seconds(1000)
    resumed.report(80, 100)
    assert resumed.left == about(1000)


def test_without_a_checkpoint_all_is_of_this_attempt(attempt: Attempt) -> None:
    attempt.pass_seconds(1000)
    assert attempt.left is None
    attempt.report(10, 100)
    assert attempt.left == about(9000)
    attempt.again()
    attempt.report(0, 100)
    attempt.pass_seconds(1000)
    assert attempt.left is None
    attempt.report(20, 100)
    assert attempt.left == about(4000)


def test_the_total_changes(resumed: Attempt) -> None:
    resumed.report(50, None)
    resumed.pass_seconds(1000)
    resumed.report(60, None)
    assert resumed.left is None
    resumed.report(60, 100)
    assert resumed.left == about(4000)
    resumed.report(60, 80)
    assert resumed.left == about(2000)


def test_numbers_in_another_unit_begin_anew(resumed: Attempt) -> None:
    resumed.report(50, 100)
    resumed.pass_seconds(100_000)
    resumed.report(6, 10)
    assert resumed.left is None
    resumed.pass_seconds(1000)
    resumed.report(8, 10)
    assert resumed.left == about(1000)


def test_the_rate_is_the_average_of_this_attempt(attempt: Attempt) -> None:
    def rate() -> float | None:
        return attempt._services.views.job(attempt._services.jobs.get(attempt._actor, attempt.job_id)).rate

    attempt.report(10, 100)
    assert rate() is None, "in the first second it would say too much"
    attempt.pass_seconds(1000)
    assert rate() == pytest.approx(0.01, rel=0.05)
    attempt.report(10, 100, checkpoint={"done": 10})
    attempt.again()
    assert rate() is None, "what the checkpoint brought is not the work of this attempt"
