"""Pages of schedules: made by a form, explained while it is filled in, changed, paused, run and deleted."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.schedules import ScheduleFilter
from tests.pages.conftest import SignIn
from tests.services.schedules import NOON, due_from, hours, make, tick

NEXT_YEAR = datetime.now(UTC).year + 1
FORM = {
    "kind": "cron",
    "cron": "30 2 * * MON-FRI",
    "zone": "Europe/Berlin",
    "data.text": "hi",
    "name": "Nightly",
    "missed": "all",
    "missedLimit": "3",
    "overlap": "queue",
    "jitterSeconds": "60",
    "endsAt": f"{NEXT_YEAR}-06-01T12:00",
    "endsAtOffset": "120",
}


def newest(services: Services, actor: Actor) -> Any:
    return services.schedules.page(actor, ScheduleFilter())[0][0]


def test_made_by_its_form(web: FlaskClient, csrf: str, services: Services, admin: Actor) -> None:
    assert 'href="/schedules/new/echo"' in web.get("/schedules/new").text
    assert 'name="data.text"' in web.get("/schedules/new/echo").text
    answer = web.post("/schedules/new/echo", data={**FORM, "csrf_token": csrf})
    made = newest(services, admin)
    assert (answer.status_code, answer.location) == (303, f"/schedules/{made.id}")
    assert (made.name, made.cron, made.zone, made.data) == ("Nightly", FORM["cron"], "Europe/Berlin", {"text": "hi"})
    assert (made.missed, made.missed_limit, made.overlap, made.jitter_seconds) == ("all", 3, "queue", 60)
    assert (made.ends_at, made.max_attempts) == (datetime(NEXT_YEAR, 6, 1, 10, tzinfo=UTC), None)
    page = web.get(f"/schedules/{made.id}").text
    assert "At 02:30 on Monday through Friday, Europe/Berlin time" in page
    assert len(re.findall(r"<li><time[^>]*>\w{3} \d+ \w{3} \d{4}, 02:30</time>", page)) == 5
    assert "Nightly" in web.get("/schedules").text


def test_every_so_often(web: FlaskClient, csrf: str, services: Services, admin: Actor) -> None:
    form = {**FORM, "kind": "every", "every": "3", "unit": "hours", "csrf_token": csrf}
    assert web.post("/schedules/new/echo", data=form).status_code == 303
    made = newest(services, admin)
    assert (made.cron, made.every_seconds, made.text) == (None, 10_800, "Every 3 hours")
    page = web.get(f"/schedules/{made.id}/edit").text
    assert 'name="every" value="3"' in page
    assert 'value="hours" selected' in page


@pytest.mark.parametrize(
    ("wrong", "field", "fault"),
    [
        ({"cron": ""}, "cron", "Say when, as in 0 9 * * MON-FRI"),
        ({"cron": "9 to 5"}, "cron", "Write five fields"),
        ({"zone": "Mars"}, "zone", "There is no time zone"),
        ({"kind": "every", "every": ""}, "every", "Please fill this in."),
        ({"kind": "every", "every": "-1"}, "every", "Must be from 1"),
        ({"jitterSeconds": "86400"}, "jitterSeconds", "Must be less than the time between two runs"),
        ({"endsAt": "soon"}, "endsAt", "This is not a time."),
        ({"endsAt": "2020-01-01T12:00"}, "endsAt", "There is no run before that time"),
        ({"maxAttempts": "1000"}, "maxAttempts", "This may be up to 100."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    web: FlaskClient, csrf: str, wrong: dict[str, str], field: str, fault: str
) -> None:
    answer = web.post("/schedules/new/echo", data={**FORM, **wrong, "csrf_token": csrf})
    assert answer.status_code == 422
    assert f'id="f-{field}-error">{fault}' in answer.text
    assert 'value="Nightly"' in answer.text, "what was typed stays"


def test_what_is_typed_is_told_in_words(web: FlaskClient) -> None:
    told = web.get("/schedules/preview", query_string={"kind": "cron", "cron": "0 9 * * MON#1", "zone": "Asia/Tokyo"})
    assert "At 09:00 on the first Monday of the month, Asia/Tokyo time" in told.text
    assert len(re.findall(r"Mon \d+ \w{3} \d{4}, 09:00", told.text)) == 5
    back = next(day for day in map(_clock_goes_back, (NEXT_YEAR - 1, NEXT_YEAR)) if day > datetime.now(UTC).date())
    said = {"kind": "cron", "cron": f"0 * {back.day} 10 *", "zone": "Europe/Berlin"}
    twice = web.get("/schedules/preview", query_string=said)
    shown = re.findall(rf"{back:%a %-d %b %Y}, (\d\d:00(?: CES?T)?)</time>", twice.text)
    assert shown == ["00:00", "01:00", "02:00 CEST", "02:00 CET", "03:00"], twice.text
    wrong = web.get("/schedules/preview", query_string={"kind": "cron", "cron": "0 99 * * *", "zone": "Asia/Tokyo"})
    assert "The hour cannot be read" in wrong.text
    every = web.get("/schedules/preview", query_string={"kind": "every", "every": "90", "unit": "seconds"})
    assert "Every 1 minute 30 seconds" in every.text


def _clock_goes_back(year: int) -> date:
    """The last Sunday of October."""
    return date(year, 10, 31) - timedelta(days=(date(year, 10, 31).weekday() + 1) % 7)


def test_changed_paused_resumed_run_and_deleted(web: FlaskClient, csrf: str, services: Services, admin: Actor) -> None:
    path = f"/schedules/{make(services, admin).id}"
    form = {**FORM, "data.text": "other", "csrf_token": csrf}
    assert web.post(f"{path}/edit", data=form).location == path
    assert (newest(services, admin).cron, newest(services, admin).data) == (FORM["cron"], {"text": "other"})
    assert web.post(f"{path}/edit", data={**form, "zone": "Mars"}).status_code == 422
    assert 'name="reason"' in web.get(f"{path}/pause").text
    refused = web.post(f"{path}/pause", data={"csrf_token": csrf, "reason": "x" * 501})
    assert (refused.status_code, "The reason may have up to 500 characters" in refused.text) == (422, True)
    assert web.post(f"{path}/pause", data={"csrf_token": csrf, "reason": " Holidays. "}).location == path
    assert (newest(services, admin).status, newest(services, admin).pause_reason) == ("paused", "Holidays.")
    assert re.search(r"Paused <time.*> by admin@localhost: Holidays\.<", web.get(path).text)
    assert "Holidays." in web.get("/schedules").text
    assert "Holidays." in web.get("/audit").text
    assert web.post(f"{path}/resume", data={"csrf_token": csrf}).location == path
    assert newest(services, admin).status == "active"
    assert web.post(f"{path}/run", data={"csrf_token": csrf}).location == path
    page = web.get(path).text
    assert "run by admin@localhost" in page
    job_id = newest(services, admin).last_job_id
    assert f'href="/jobs/{job_id}"' in page
    assert f'Created by the schedule <a href="{path}">' in web.get(f"/jobs/{job_id}").text
    assert "The jobs that it has started stay" in web.get(f"{path}/delete").text
    assert web.post(f"{path}/delete", data={"csrf_token": csrf}).location == "/schedules"
    assert web.get(path).status_code == 404
    assert web.get(f"/jobs/{job_id}").status_code == 200


def test_history_tells_what_came_of_each_run(
    web: FlaskClient, services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    made = make(services, admin)
    due_from(connection, made.id, NOON - hours(3))
    tick(services, NOON)
    tick(services, NOON + hours(1))
    page = web.get(f"/schedules/{made.id}").text
    assert "Skipped: the last job had not ended" in page
    assert re.search(r'Missed, with <span class="num">2</span>\s+before it', page)
    assert web.get(f"/schedules/{made.id}?before=nonsense").status_code == 200


def test_what_paused_itself_says_why(
    web: FlaskClient, services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    made = make(services, admin)
    due_from(connection, made.id, NOON)
    connection.execute("UPDATE schedules SET type = 'gone'")
    tick(services, NOON)
    for path in ("/schedules", f"/schedules/{made.id}", "/schedules?status=paused"):
        assert "there is no job type &#39;gone&#39;" in web.get(path).text
    assert "there is no job type" not in web.get("/schedules?status=active").text


def test_who_may_not_change_it_sees_no_button(sign_in: SignIn, services: Services, admin: Actor, member: Actor) -> None:
    path = f"/schedules/{make(services, admin).id}"
    browser = sign_in(member)
    page = browser.get(path)
    assert page.status_code == 200
    assert "Run now" not in page.text
    assert browser.get(f"{path}/edit").status_code == 403
