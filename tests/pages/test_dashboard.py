"""The dashboard as it is rendered."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.periods import HOUR, MINUTE, ZERO, last_hours
from jobsapp.core.states import Status
from jobsapp.pages.time_charts import Line, shares, stacked, times
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store.turns import claim_jobs, finish_job

Connection = psycopg.Connection[Any]
DONE = Transition(Status.COMPLETED, "completed", result={})
BROKEN = Transition(Status.FAILED, "failed", failure=Failure("BadRow", "No."))
DAY = last_hours(24, ZERO + timedelta(hours=30.5))


def text(page: str, tag_id: str, tag: str) -> str:
    """What the element says."""
    found = re.search(rf'<{tag} [^>]*id="{tag_id}".*?</{tag}>', page, re.DOTALL)
    assert found is not None, tag_id
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0])).strip()


def end(connection: Connection, queue: str, transition: Transition) -> None:
    (job,) = claim_jobs(connection, queue, worker="hand", lease_seconds=60)
    assert finish_job(connection, job.id, job.attempt, transition)


@pytest.fixture
def some(services: Services, admin: Actor, connection: Connection) -> None:
    """Of echo 2 completed, 1 failed, 1 runs and 3 wait; of steps 1 cancelled."""
    for _ in range(7):
        services.jobs.create(admin, NewJob("echo", {}))
    for transition in (DONE, DONE, BROKEN):
        end(connection, "echo", transition)
    claim_jobs(connection, "echo", worker="hand", lease_seconds=60)
    job, _ = services.jobs.create(admin, NewJob("steps", {}))
    services.jobs.cancel(admin, job.id)


@pytest.mark.usefixtures("some")
def test_tiles_and_types_say_what_is_and_lead_to_it(web: FlaskClient) -> None:
    page = web.get("/dashboard").text
    assert text(page, "tile-active", "a") == "Running 1 now"
    assert text(page, "tile-pending", "a") == "Waiting 3 now"
    assert text(page, "tile-completed", "a") == "Completed 2 in the last 24 hours"
    assert text(page, "tile-failed", "a") == "Failed 1 in the last 24 hours"
    assert text(page, "tile-cancelled", "a") == "Cancelled 1 in the last 24 hours"
    assert 'id="tile-failed" data-state="failed" href="/jobs?status=failed"' in page
    assert re.match(r"Echo 1 3 2 1 33\.3 % \d+ ms \d+ ms", text(page, "type-echo", "tr"))
    assert text(page, "type-steps", "tr") == "Steps 0 0 0 0 – – –"
    assert page.index('id="type-echo"') < page.index('id="type-steps"'), "the busiest first"


@pytest.mark.usefixtures("some")
def test_a_type_and_a_period_are_in_the_address(web: FlaskClient) -> None:
    page = web.get("/dashboard?period=1h&type=steps").text
    assert text(page, "tile-completed", "a") == "Completed 0 in the last hour"
    assert text(page, "tile-cancelled", "a") == "Cancelled 1 in the last hour"
    assert 'href="/jobs?type=steps&amp;status=cancelled"' in page
    assert 'href="/dashboard?period=7d&amp;type=steps"' in page
    assert 'id="type-echo"' not in page
    assert "BadRow" not in page
    assert "in the last 24 hours" in web.get("/dashboard?period=year&type=nothing").text, "as if nothing was said"


@pytest.mark.usefixtures("some")
def test_the_part_that_changes_is_asked_for_alone(web: FlaskClient) -> None:
    page = web.get("/dashboard?period=1h&type=steps").text
    part = web.get("/dashboard/board?period=1h&type=steps").text
    for found in (page, part):
        assert 'hx-get="/dashboard/board?period=1h&amp;type=steps"' in found
        assert text(found, "tile-cancelled", "a") == "Cancelled 1 in the last hour"
        assert text(found, "type-steps", "tr").startswith("Steps 0 0 0 0")
        assert 'id="chart-durations"' in found
    assert "<html" not in part
    assert 'id="board-system"' in page
    assert 'id="board-system"' not in part, "other servers are asked for that"


@pytest.mark.usefixtures("some")
def test_charts_have_words_and_a_table(web: FlaskClient) -> None:
    page = web.get("/dashboard").text
    assert 'aria-label="Throughput. Jobs that ended in the last 24 hours: 2 completed, 1 failed, 1 cancelled."' in page
    assert "Of the jobs that completed or failed in the last 24 hours, 33.3 % failed." in page
    assert re.search(r"half took up to \d+ ms, 95 of 100 up to \d+ ms\.", page)
    for name in ("throughput", "failure-rate", "durations"):
        assert re.search(rf'id="chart-{name}".*?<details.*?<table.*?</section>', page, re.DOTALL)
    chart = text(page, "chart-throughput", "section")
    # All in one hour, or about the turn of it in two.
    numbers = re.findall(r"UTC ([\d,]+) ([\d,]+) ([\d,]+)", chart)
    assert [sum(map(int, column)) for column in zip(*numbers, strict=True)] == [2, 1, 1]


@pytest.mark.usefixtures("some")
def test_what_needs_attention_is_said_in_words(web: FlaskClient, services: Services, admin: Actor) -> None:
    services.queues.pause(admin, "steps", reason="maintenance")
    page = web.get("/dashboard").text
    said = text(page, "board-attention", "section")
    assert "Queue echo – 3 waiting. Nobody works on it. Start a worker: flask worker --queues echo" in said
    assert re.search(r"Queue steps is paused since just now : maintenance\. 0 waiting\.", said)
    assert re.search(r"Echo: 1 failed with BadRow , last .*: Echo", said)
    assert 'href="/jobs?type=echo&amp;status=failed">Echo: 1 failed' in page


def test_what_was_retried_is_no_longer_linked(
    web: FlaskClient, services: Services, admin: Actor, connection: Connection
) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {}, name="Unlucky"))
    end(connection, "echo", BROKEN)
    assert f"/jobs/{job.id}" in web.get("/dashboard").text
    services.jobs.retry(admin, job.id)
    page = web.get("/dashboard").text
    assert f"/jobs/{job.id}" not in page
    assert "Echo: 1 failed" in text(page, "board-attention", "section")


def test_nothing_yet(web: FlaskClient) -> None:
    page = web.get("/dashboard").text
    assert "No jobs yet" in page
    assert '<svg class="plot-area"' not in page
    assert "Needs attention" not in page


@pytest.mark.usefixtures("some")
def test_another_organisation_sees_nothing_of_it(web: FlaskClient, services: Services, stranger: Actor) -> None:
    services.jobs.create(stranger, NewJob("echo", {}))
    page = web.get("/dashboard").text
    assert text(page, "tile-pending", "a") == "Waiting 3 now"
    assert services.stats.view(stranger, whole_organization=True).by_type == {
        "echo": {"pending": 1, "active": 0, "completed": 0, "failed": 0, "cancelled": 0}
    }
    assert services.history.past(stranger, hours=24).whole.total == 0
    assert services.history.failures(stranger, hours=24) == []


def values(*given: float | None) -> list[float | None]:
    return [*given, *[None] * (DAY.stretches - len(given))]


def test_bars_stand_on_each_other() -> None:
    chart = stacked("T", "w", DAY, [Line("a", "completed", values(3, 1)), Line("b", "failed", values(1, None, 4))])
    (low, second), (on_top, alone) = (one.bars for one in chart.series)
    assert on_top.y + on_top.height == pytest.approx(low.y, abs=0.1)
    assert on_top.x == low.x
    assert low.y + low.height == alone.y + alone.height == second.y + second.height == chart.height
    assert alone.height == pytest.approx(4 * second.height, abs=0.5)
    assert [place for place, _ in chart.rows] == [2, 1, 0]
    assert chart.times == ["24 h ago", "18 h ago", "12 h ago", "6 h ago", "now"]


def test_a_line_has_gaps_where_nothing_was() -> None:
    (line,) = shares("T", "w", DAY, [Line("a", "failed", values(0.1, 0.2, None, 0.0))]).series
    assert line.path.count("M") == 1
    assert line.path.count("L") == 1
    assert re.fullmatch(r"M[\d.]+ 180h0", line.dots)
    chart = shares("T", "w", DAY, [Line("a", "failed", values(0.1, 0.2))])
    assert [mark.text for mark in chart.marks] == ["0 %", "12.5 %", "25.0 %"]


def test_durations_have_round_marks() -> None:
    chart = times("T", "w", DAY, [Line("a", "0", values(200_000.0))])
    assert [mark.text for mark in chart.marks] == ["0 ms", "1 min", "2 min", "3 min"]
    assert times("T", "w", DAY, [Line("a", "0", values())]).rows == []


@pytest.mark.parametrize(("hours", "step"), [(1, MINUTE), (24, HOUR), (168, 6 * HOUR), (2160, None)])
def test_a_period_ends_with_the_stretch_that_runs(hours: int, step: int | None) -> None:
    now = ZERO + timedelta(days=9000, hours=17, minutes=23, seconds=5)
    period = last_hours(hours, now, step)
    last, length = period.starts[-1], timedelta(seconds=period.step_seconds)
    assert last <= now < last + length
    assert len(period.starts) * length == timedelta(hours=hours)
    assert (period.since - ZERO) % length == timedelta(0)


def test_a_failure_for_good_is_said_in_words(
    web: FlaskClient, services: Services, admin: Actor, connection: Connection
) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {}, name="Unlucky"))
    end(connection, "echo", Transition(Status.FAILED, "failed", failure=Failure("Permanent", "No such column.")))
    assert "Echo: 1 failed for good, last" in text(web.get("/dashboard").text, "board-attention", "section")
    page = web.get(f"/jobs/{job.id}").text
    assert page.count("Not tried again: the same input would fail again.") == 2, "the state and the timeline"
    assert "Permanent" not in text(page, f"job-{job.id}", "section")
    assert 'class="button primary" data-creates href="/jobs/new/echo?from=' in page
    assert f'class="button" id="do-retry-{job.id}"' in page


def test_what_needs_attention_counts_what_the_numbers_count(
    web: FlaskClient, services: Services, admin: Actor, connection: Connection
) -> None:
    since = last_hours(24, datetime.now(UTC)).since
    for minutes in (-30, 30):
        job, _ = services.jobs.create(admin, NewJob("echo", {}))
        connection.execute(
            """UPDATE jobs SET status = 'failed', attempts = 1, error = '{"type": "BadRow", "message": "No."}',
            created_at = %(at)s, started_at = %(at)s, failed_at = %(at)s WHERE id = %(id)s""",
            {"at": since + timedelta(minutes=minutes), "id": job.id},
        )
    page = web.get("/dashboard").text
    assert text(page, "tile-failed", "a").startswith("Failed 1 ")
    assert "Echo: 1 failed with BadRow" in text(page, "board-attention", "section")
