"""The list's filters in its address, and changing many jobs with plain forms."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.services import Services, listing, many_changes, texts
from jobsapp.services.jobs import NewJob
from tests.pages.conftest import SignIn, token_in
from tests.pages.test_jobs import names


def create(services: Services, actor: Actor, name: str, job_type: str = "echo") -> str:
    return str(services.jobs.create(actor, NewJob(job_type, {}, name=name))[0].id)


def test_queue_owner_and_time_are_in_the_address(
    web: FlaskClient, services: Services, admin: Actor, member: Actor
) -> None:
    create(services, admin, "mine")
    create(services, member, "theirs", "steps")
    assert names(web.get("/jobs?user=me").text) == ["mine"]
    assert names(web.get("/jobs?user=member@localhost").text) == ["theirs"]
    assert names(web.get(f"/jobs?user={member.user_id}&queue=steps").text) == ["theirs"]
    assert names(web.get("/jobs?created=last-hour").text) == ["theirs", "mine"]
    assert names(web.get("/jobs?createdBefore=2026-01-01T00:00:00Z").text) == []
    assert names(web.get("/jobs?createdAfter=2026-01-01T00:00:00%2B02:00&type=echo").text) == ["mine"]
    page = web.get("/jobs?queue=steps&user=member@localhost&created=last-7-days&createdBefore=2999-01-01T12:00").text
    assert re.search(r'hx-ws:connect="([^"]*)"', page)[1] == (  # type: ignore[index]
        "/live/jobs?queue=steps&amp;user=member%40localhost&amp;created=last-7-days"
        "&amp;createdBefore=2999-01-01T12%3A00"
    )
    assert 'aria-label="Remove the filter Owner member@localhost"' in page
    assert 'href="/jobs?user=member%40localhost&amp;created=last-7-days&amp;createdBefore=2999-01-01T12%3A00"' in page
    assert '<option value="steps" selected>' in page
    assert 'value="2999-01-01T12:00:00"' in page
    assert '<a class="clear" href="/jobs">' in page


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("status=done", "there is no state done"),
        ("user=nobody@nowhere", "there is nobody nobody@nowhere here"),
        ("created=tomorrow", "there is no time tomorrow"),
        ("createdAfter=soon", "soon is not a time"),
        ("before=nonsense", "is not a place in the list"),
        ("queue=%00", "contains a character that no job has"),
        ("q=" + "x" * 201, "may have up to 200 characters"),
        ("createdAfter=2026-02-01T00:00Z&createdBefore=2026-01-01T00:00Z", "no time is left between them"),
    ],
)
def test_nonsense_is_told_and_hides_nothing(
    web: FlaskClient, services: Services, admin: Actor, query: str, told: str
) -> None:
    create(services, admin, "shown")
    page = web.get(f"/jobs?{query}").text
    assert told in unescape(page)
    assert names(page) == ["shown"]


def test_a_page_says_where_the_search_ended(
    web: FlaskClient, services: Services, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(services, admin, "needle")
    for number in range(3):
        create(services, admin, f"hay {number}")
    monkeypatch.setattr(listing, "FIRST_WINDOW", 3)
    # As if the index were too slow to be of help.
    monkeypatch.setattr(texts, "GROUPS", ())
    first = web.get("/jobs?q=needle").text
    assert "No job matches so far" in first
    assert "3 jobs were looked at. Older ones may match." in first
    further = re.search(r'href="([^"]+)" rel="next"[^>]*>Look further back', first)
    assert further is not None
    second = web.get(unescape(further[1])).text
    assert names(second) == ["needle"]
    assert "Look further back" not in second
    assert "No more among the 3 jobs looked at here." in web.get("/jobs?q=hay").text


def post(web: FlaskClient, csrf: str, **form: object) -> str:
    """The page that follows."""
    answer = web.post("/jobs/many", data={"csrf_token": csrf, **form}, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


def test_chosen_jobs_are_cancelled_and_the_numbers_told(
    web: FlaskClient, csrf: str, services: Services, admin: Actor
) -> None:
    ids = [create(services, admin, f"job {number}") for number in range(4)]
    services.jobs.cancel(admin, services.jobs.page(admin, listing.JobFilter())[0][0].id)
    page = post(web, csrf, action="cancel", id=ids[1:], back="/jobs?type=echo")
    assert "2 jobs cancelled. Left as they are: 1 is cancelled." in page
    assert 'value="echo" selected' in page
    assert "2 jobs cancelled" not in web.get("/jobs").text
    assert "3 jobs put back to the queue." in post(web, csrf, action="retry", id=ids[1:])


def test_everything_that_matches_is_asked_for_first(
    web: FlaskClient, csrf: str, services: Services, admin: Actor, member: Actor
) -> None:
    for number in range(3):
        create(services, admin, f"apple {number}")
    create(services, member, "pear")
    assert web.get("/jobs/many/count?q=apple").text == "(3 jobs)"
    ask = post(web, csrf, action="cancel", all="1", q="apple", id=[], back="/jobs?q=apple")
    assert "Cancel 3 jobs?" in ask
    assert "3 of 3 jobs can be cancelled." in ask
    # What comes after the question is not meant by the answer.
    create(services, admin, "apple, too late")
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', ask))
    assert fields["createdBefore"]
    done = post(web, **{"csrf": csrf} | {name: value for name, value in fields.items() if name != "csrf_token"})
    assert "3 jobs cancelled." in done
    states = {job.name: job.status for job in services.jobs.page(admin, listing.JobFilter())[0]}
    assert states["apple, too late"] == states["pear"] == "pending"
    assert "No job to cancel" in post(web, csrf, action="cancel", all="1", q="apple 1")


def test_more_than_are_counted(
    web: FlaskClient, csrf: str, services: Services, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        create(services, admin, f"job {number}")
    for module in (many_changes, __import__("jobsapp.pages.many_words", fromlist=["MOST"])):
        monkeypatch.setattr(module, "MOST", 2)
    assert web.get("/jobs/many/count").text == "(more than 2 jobs)"
    ask = post(web, csrf, action="cancel", all="1")
    assert "Cancel more than 2 jobs?" in ask
    assert "2 at a time" in ask
    assert "2 jobs cancelled. 1 job left; do it again for those." in post(
        web, csrf, action="cancel", all="1", confirmed="1"
    )


def test_deleting_asks_and_is_for_administrators(
    web: FlaskClient, csrf: str, sign_in: SignIn, services: Services, admin: Actor, member: Actor
) -> None:
    ids = [create(services, admin, f"job {number}") for number in range(2)]
    services.many.apply(admin, "cancel", many_changes.Chosen(wanted=listing.JobFilter()))
    create(services, admin, "unfinished")
    ask = post(web, csrf, action="delete", id=ids)
    assert "Delete 2 jobs?" in ask
    assert "cannot be undone" in ask
    assert services.many.count(admin, listing.JobFilter()) == (3, False)
    theirs = sign_in(member)
    page = theirs.get("/jobs").text
    assert 'value="cancel"' in page
    assert 'value="delete"' not in page
    token = token_in(page)
    answer = theirs.post("/jobs/many", data={"csrf_token": token, "action": "delete", "id": ids, "confirmed": "1"})
    assert answer.status_code == 403
    assert "2 jobs deleted." in post(web, csrf, action="delete", id=ids, confirmed="1")
    assert services.many.count(admin, listing.JobFilter()) == (1, False)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"action": "explode", "id": "x"}, "must be cancel, retry or delete"),
        ({"action": "cancel"}, "choose at least one job"),
        ({"action": "cancel", "id": "x"}, "must be ids of jobs"),
        ({"action": "cancel", "all": "1", "status": "done"}, "there is no state done"),
    ],
)
def test_a_form_that_makes_no_sense_changes_nothing(
    web: FlaskClient, csrf: str, services: Services, admin: Actor, form: dict[str, str], told: str
) -> None:
    create(services, admin, "job")
    answer = web.post("/jobs/many", data={"csrf_token": csrf, **form})
    assert answer.status_code == 422
    assert told in answer.text
    assert web.post("/jobs/many", data=form).status_code == 403
    assert services.jobs.page(admin, listing.JobFilter(status="pending"))[0] != []


def test_the_way_back_leads_nowhere_else(web: FlaskClient, csrf: str, services: Services, admin: Actor) -> None:
    job_id = create(services, admin, "job")
    for back in ("https://elsewhere.example/", "//elsewhere.example", quote("\\")):
        answer = web.post("/jobs/many", data={"csrf_token": csrf, "action": "cancel", "id": job_id, "back": back})
        assert answer.location == "/jobs"
