"""Sharing a job by a link: making and revoking it on the job's page, and what is behind it."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from jobsapp.auth.current import LOGIN
from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.job_tokens import EMBED, SHARE
from jobsapp.services.jobs import NewJob
from tests.pages.conftest import SignIn, token_in


@pytest.fixture
def job_id(services: Services, admin: Actor) -> UUID:
    return services.jobs.create(admin, NewJob("make-file", {"text": "the secret input"}, name="Report"))[0].id


@pytest.fixture
def link(services: Services, admin: Actor, job_id: UUID) -> str:
    return f"/shared/{services.job_tokens.create(admin, job_id, SHARE)[1]}/"


def make(web: FlaskClient, csrf: str, job_id: UUID, days: str = "1") -> str:
    """The page that tells the new link."""
    answer = web.post(f"/jobs/{job_id}/shares", data={"csrf_token": csrf, "days": days})
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    # In the cookie it would lie on, wherever that is copied.
    with web.session_transaction() as session:
        assert set(session) == {LOGIN, "_permanent", "csrf_token"}
    return answer.text


def new_link(page: str) -> str | None:
    found = re.search(r'value="http://127\.0\.0\.1:8000(/shared/[^"]+/)"', page)
    return found and found[1]


def test_the_page_of_a_job_leads_there(web: FlaskClient, job_id: UUID) -> None:
    assert f'href="/jobs/{job_id}/shares"' in web.get(f"/jobs/{job_id}").text
    page = web.get(f"/jobs/{job_id}/shares").text
    assert "No link works at the moment" in page
    assert re.findall(r'<option value="(\d+)" (selected)?', page) == [("1", ""), ("7", "selected"), ("30", "")]


def test_a_link_is_told_once_and_lives_as_long_as_was_chosen(
    web: FlaskClient, csrf: str, services: Services, admin: Actor, job_id: UUID
) -> None:
    page = make(web, csrf, job_id, "30")
    link = new_link(page)
    assert link is not None
    again = web.get(f"/jobs/{job_id}/shares").text
    assert new_link(again) is None
    assert "admin@localhost" in again
    (token,) = services.job_tokens.of_job(admin, job_id, SHARE)
    assert (token.expires_at - token.created_at).days == 30
    assert "Report" in web.application.test_client().get(link).text


def test_a_link_of_one_job_is_not_told_on_the_page_of_another(
    web: FlaskClient, csrf: str, services: Services, admin: Actor, job_id: UUID
) -> None:
    other, _ = services.jobs.create(admin, NewJob("echo", {}))
    assert web.post(f"/jobs/{job_id}/shares", data={"csrf_token": csrf, "days": "7"}).status_code == 201
    assert new_link(web.get(f"/jobs/{other.id}/shares").text) is None


@pytest.mark.parametrize("days", ["3650", "0", "-1", "x", ""])
def test_another_time_than_the_offered_ones_is_the_usual(
    web: FlaskClient, csrf: str, services: Services, admin: Actor, job_id: UUID, days: str
) -> None:
    make(web, csrf, job_id, days)
    (token,) = services.job_tokens.of_job(admin, job_id, SHARE)
    assert (token.expires_at - token.created_at).days == 7


def test_revoking_ends_it(web: FlaskClient, csrf: str, client: FlaskClient, job_id: UUID) -> None:
    page = make(web, csrf, job_id)
    link, action = new_link(page), re.search(r'action="([^"]+/revoke)"', page)
    assert link is not None
    assert action is not None
    assert client.get(link).status_code == 200
    assert web.post(action[1]).status_code == 403, "not without the page's own token"
    assert web.post(action[1], data={"csrf_token": csrf}).status_code == 303
    gone = client.get(link)
    assert gone.status_code == 404
    assert "This link no longer works" in gone.text
    assert "No link works" in web.get(f"/jobs/{job_id}/shares").text


def test_another_organisation_cannot_share_it(
    sign_in: SignIn, stranger: Actor, services: Services, admin: Actor, job_id: UUID
) -> None:
    browser = sign_in(stranger)
    csrf = token_in(browser.get("/jobs/new/echo").text)
    token, _ = services.job_tokens.create(admin, job_id, SHARE)
    assert browser.get(f"/jobs/{job_id}/shares").status_code == 404
    for path in (f"/jobs/{job_id}/shares", f"/jobs/{job_id}/shares/{token.id}/revoke"):
        assert browser.post(path, data={"csrf_token": csrf}).status_code == 404
    assert services.job_tokens.living([token.id]) == {token.id}


def test_tokens_for_pages_of_other_sites_are_no_links(
    web: FlaskClient, client: FlaskClient, services: Services, admin: Actor, job_id: UUID
) -> None:
    _, text = services.job_tokens.create(admin, job_id, EMBED)
    assert "No link works" in web.get(f"/jobs/{job_id}/shares").text
    assert client.get(f"/shared/{text}/").status_code == 404


def test_what_is_behind_it(
    client: FlaskClient, link: str, job_id: UUID, drain: Callable[[str], int], services: Services, admin: Actor
) -> None:
    assert drain("make-file") == 1
    page = client.get(link)
    assert page.status_code == 200
    for part in ("Report", "Job completed", "made.txt", f'hx-ws:connect="/live{link.rstrip("/")}"'):
        assert part in page.text
    file = services.jobs.get(admin, job_id).artifacts[0]
    assert f'href="files/{file.id}/content"' in page.text
    with client.get(f"{link}files/{file.id}/content") as answer:
        assert answer.text == "the secret input"
        assert "attachment" in answer.headers["Content-Disposition"]


def test_nothing_else_is_behind_it(client: FlaskClient, link: str, job_id: UUID) -> None:
    """No way to the rest of the site, no action, no input."""
    for path in (link, f"{link}live"):
        text = client.get(path).text
        assert "the secret input" not in text
        addresses = set(re.findall(r'(?:href|action|src|hx-get|hx-post|connect)="([^"#]*)', text))
        assert {one for one in addresses if not one.startswith(("/static/", link, f"/live{link}"[:-1], "#"))} <= {""}
        assert "<form" not in text
        assert "Cancel job" not in text


def test_the_log_is_behind_it(
    client: FlaskClient, services: Services, admin: Actor, drain: Callable[[str], int]
) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {"text": "hello"}))
    drain("echo")
    link = f"/shared/{services.job_tokens.create(admin, job.id, SHARE)[1]}/"
    assert "echoing hello" in client.get(link).text
    log = client.get(f"{link}log.txt")
    assert "attempt 1 info: echoing hello" in log.text


def test_pictures_and_charts_are_behind_it(
    client: FlaskClient, services: Services, admin: Actor, drain: Callable[[str], int]
) -> None:
    job, _ = services.jobs.create(admin, NewJob("measure", {"steps": 4}))
    drain("measure")
    link = f"/shared/{services.job_tokens.create(admin, job.id, SHARE)[1]}/"
    page = client.get(link).text
    assert page.count('class="chart-line') == 2
    assert "<td>Ana</td><td>3</td>" in page
    picture = re.search(r'<img src="(files/[^"]+)"', page)
    assert picture is not None
    with client.get(link + picture[1]) as answer:
        assert answer.status_code == 200


def test_the_address_stays_a_secret(client: FlaskClient, link: str) -> None:
    for path in (link, f"{link}live", f"{link}log.txt", "/shared/wrong/"):
        headers = client.get(path).headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "noindex" in headers["X-Robots-Tag"]
        assert "Access-Control-Allow-Origin" not in headers
    assert '<meta name="robots" content="noindex, nofollow">' in client.get(link).text
    assert client.get(link.rstrip("/")).status_code == 308


def test_a_login_changes_nothing_behind_it(web: FlaskClient, link: str) -> None:
    text = web.get(link).text
    assert "admin@localhost" not in text
    assert "Cancel job" not in text


@pytest.mark.parametrize(
    "path", ["/shared/wrong/", "/shared/wrong/live", "/shared/wrong/log.txt", "/shared/jobsapp-job_x/"]
)
def test_a_wrong_link_is_told_to_people(client: FlaskClient, path: str) -> None:
    gone = client.get(path)
    assert gone.status_code == 404
    assert "expired or was revoked" in gone.text
    assert "/login" not in gone.text


def test_a_deleted_job_takes_its_links_along(
    client: FlaskClient, link: str, drain: Callable[[str], int], services: Services
) -> None:
    drain("make-file")
    assert services.cleanup.delete(days=0) == 1
    assert client.get(link).status_code == 404
