"""The list, one job, and what can be done to it."""

from __future__ import annotations

import re
from uuid import uuid4

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.extensions import db
from jobsapp.pages.language import left
from jobsapp.services import Services
from jobsapp.services.jobs import PAGE, NewJob
from jobsapp.store import turns
from jobsapp.store.durations import add_durations
from tests.pages.conftest import SignIn, token_in


def names(html: str) -> list[str]:
    return re.findall(r'hx-swap="innerHTML">([^<]*)</a>', html)


def test_an_empty_list_says_what_to_do(web: FlaskClient) -> None:
    page = web.get("/jobs").text
    assert "No jobs yet" in page
    assert 'href="/jobs/new"' in page


def test_newest_first_and_older_by_link(web: FlaskClient, services: Services, admin: Actor) -> None:
    for number in range(PAGE + 3):
        services.jobs.create(admin, NewJob("echo", {}, name=f"job {number:03d}"))
    first = web.get("/jobs")
    assert names(first.text)[0] == f"job {PAGE + 2:03d}"
    assert len(names(first.text)) == PAGE
    older = re.search(r'href="(/jobs\?before=[^"]+)"', first.text)
    assert older is not None
    second = web.get(older[1])
    assert names(second.text) == ["job 002", "job 001", "job 000"]
    assert "data-newest" in first.text
    assert "data-newest" not in second.text


def test_filters_are_in_the_address(web: FlaskClient, services: Services, admin: Actor) -> None:
    services.jobs.create(admin, NewJob("echo", {}, name="apples"))
    services.jobs.create(admin, NewJob("steps", {}, name="pears"))
    job, _ = services.jobs.create(admin, NewJob("echo", {}, name="apple pie"))
    services.jobs.cancel(admin, job.id)
    assert names(web.get("/jobs?q=apple").text) == ["apple pie", "apples"]
    assert names(web.get("/jobs?q=apple&status=cancelled").text) == ["apple pie"]
    assert names(web.get("/jobs?type=steps").text) == ["pears"]
    assert "No job matches" in web.get("/jobs?q=plums").text
    assert names(web.get("/jobs?status=nonsense&before=nonsense").text) == ["apple pie", "pears", "apples"]
    assert 'href="/jobs?type=echo&amp;status=failed&amp;q=a"' in web.get("/jobs?type=echo&q=a").text


def test_the_modal_is_in_the_page_that_opens_it(web: FlaskClient, services: Services, admin: Actor) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {}, name="shown"))
    page = web.get(f"/jobs?open={job.id}").text
    assert f'hx-ws:connect="/live/jobs/{job.id}"' in page
    assert f'<noscript><meta http-equiv="refresh" content="0;url=/jobs/{job.id}">' in page
    assert "Job queued" in web.get(f"/jobs/{job.id}/modal").text
    assert web.get(f"/jobs?open={uuid4()}").status_code == 200


def test_the_time_left_in_words(web: FlaskClient, services: Services, admin: Actor, settings: Settings) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {}))
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        add_durations(connection, "w", {"echo": [3599.0] * 20})
        turns.claim_jobs(connection, "echo", worker="w", lease_seconds=60)
    for path in (f"/jobs/{job.id}", f"/jobs/{job.id}/modal"):
        assert re.search(r"about 59 min \d+ s left", web.get(path).text)
    assert left(1000) == "about 1.0 s left"
    assert left(0) == "less than 1 s left"


def test_others_see_nothing(sign_in: SignIn, stranger: Actor, services: Services, admin: Actor) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {}, name="private matter"))
    client = sign_in(stranger)
    token = token_in(client.get("/jobs/new/echo").text)
    for path in (f"/jobs/{job.id}", f"/jobs/{job.id}/modal", f"/jobs/{job.id}/live", f"/jobs/new/echo?from={job.id}"):
        assert client.get(path).status_code == 404
    for action in ("cancel", "retry"):
        assert client.post(f"/jobs/{job.id}/{action}", data={"csrf_token": token}).status_code == 404
    assert "private matter" not in client.get("/jobs").text + client.get(f"/jobs?open={job.id}").text
    assert services.jobs.get(admin, job.id).status == "pending"


def test_cancel_and_retry_by_form_and_by_htmx(web: FlaskClient, csrf: str, services: Services, admin: Actor) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {}))
    assert web.post(f"/jobs/{job.id}/cancel").status_code == 403
    answer = web.post(f"/jobs/{job.id}/cancel", data={"csrf_token": csrf})
    assert (answer.status_code, answer.location) == (303, f"/jobs/{job.id}")
    headers = {"HX-Request": "true", "X-CSRFToken": csrf}
    fragment = web.post(f"/jobs/{job.id}/retry", headers=headers)
    assert "Job queued" in fragment.text
    assert 'hx-swap-oob="outerMorph"' in fragment.text
    assert "<html" not in fragment.text

    refused = web.post(f"/jobs/{job.id}/retry", headers=headers)
    assert refused.status_code == 409
    assert refused.headers["HX-Retarget"] == "#toasts"
    assert "<html" not in refused.text


def test_a_failed_job_with_its_history(
    web: FlaskClient, sign_in: SignIn, member: Actor, services: Services, admin: Actor, settings: Settings
) -> None:
    job, _ = services.jobs.create(admin, NewJob("steps", {"steps": 7}, name="Broken <b>"))
    with psycopg.connect(settings.database_url) as connection:
        (claimed,) = turns.claim_jobs(connection, "steps", worker="w1", lease_seconds=60)
        failure = Failure("BadRow", "Line 7 <is> broken", "Traceback: the insides")
        turns.finish_job(connection, job.id, claimed.attempt, Transition(Status.FAILED, "failed", failure=failure))
    page = web.get(f"/jobs/{job.id}").text
    for text in (
        "Job failed",
        "Line 7 &lt;is&gt; broken",
        "Broken &lt;b&gt;",
        "on w1",
        "Traceback: the insides",
        "1 of 3",
    ):
        assert text in page
    assert "<dt>Steps</dt>" in page
    assert "Traceback: the insides" not in sign_in(member).get(f"/jobs/{job.id}").text
    assert "Traceback" not in web.get(f"/jobs/{job.id}/live").text


def test_a_retry_that_is_due_is_not_a_failure(
    web: FlaskClient, services: Services, admin: Actor, settings: Settings
) -> None:
    from datetime import UTC, datetime, timedelta

    job, _ = services.jobs.create(admin, NewJob("steps", {}))
    later = datetime.now(UTC) + timedelta(minutes=10)
    with psycopg.connect(settings.database_url) as connection:
        (claimed,) = turns.claim_jobs(connection, "steps", worker="w1", lease_seconds=60)
        again = Transition(Status.PENDING, "failed", failure=Failure("E", "not this time"), run_at=later)
        turns.finish_job(connection, job.id, claimed.attempt, again)
    page = web.get(f"/jobs/{job.id}/modal").text
    assert "Job queued" in page
    assert "Job failed" not in page
    assert "Attempt 2 of 3 is due" in page
    assert "Attempt 1 failed: not this time" in page


def test_pages_refresh_without_a_script_until_the_job_is_finished(
    web: FlaskClient, services: Services, admin: Actor
) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {}))
    assert '<noscript><meta http-equiv="refresh"' in web.get(f"/jobs/{job.id}").text
    services.jobs.cancel(admin, job.id)
    assert '<noscript><meta http-equiv="refresh"' not in web.get(f"/jobs/{job.id}").text


def test_the_list_costs_the_same_however_long_it_is(web: FlaskClient, services: Services, admin: Actor) -> None:
    def statements() -> int:
        seen: list[str] = []
        with web.application.app_context():
            engine = db.engine
        # Settings of the planner ask nothing of any table.
        note = lambda *call: "set_config" in call[2] or seen.append(call[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", note)
        web.get("/jobs")
        event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    services.jobs.create(admin, NewJob("echo", {}))
    few = statements()
    for _ in range(20):
        services.jobs.create(admin, NewJob("echo", {}))
    assert statements() <= few <= 4


@pytest.mark.parametrize("query", ["q=%00", "type=%00", "q=%ED%A0%80", "status=%00", "before=%00", "open=%00"])
def test_a_list_of_what_cannot_be(web: FlaskClient, query: str) -> None:
    assert web.get(f"/jobs?{query}").status_code == 200
