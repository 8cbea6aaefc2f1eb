"""Secrets in forms and on pages: typed once, and never shown again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.masks import MASK
from jobsapp.services import Services
from jobsapp.services.jobs import JobFilter
from tests.pages.conftest import SignIn, token_in

TOKEN, LINE = "top-secret-1", "line-secret-2"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"processors": "tests.sample_processors,tests.secret_processors"})


def made(services: Services, actor: Actor) -> list[Any]:
    return services.jobs.page(actor, JobFilter())[0]


def opened(services: Services, job: Any) -> dict[str, str]:
    return services.secrets._sealer().open(job.id, job.data)


def send(web: FlaskClient, csrf: str, **fields: str) -> Any:
    return web.post("/jobs/new/gossip", data={"csrf_token": csrf, **fields})


def test_a_secret_is_a_password_field_and_on_no_page(
    web: FlaskClient, csrf: str, services: Services, admin: Actor
) -> None:
    page = web.get("/jobs/new/gossip?data.token=from-the-address").text
    assert '<input type="password" id="f-data-token" name="data.token" value=""' in page
    assert "from-the-address" not in page
    send(web, csrf, **{"data.token": TOKEN, "data.tables": f"a = {LINE}"})
    (job,) = made(services, admin)
    assert opened(services, job) == {"/token": TOKEN, "/tables/a": LINE}
    again = f"/jobs/new/gossip?from={job.id}"
    for address in (f"/jobs/{job.id}", f"/jobs/{job.id}/modal", "/jobs", again, f"/api/jobs/{job.id}"):
        text = web.get(address).text
        assert TOKEN not in text, address
        assert LINE not in text, address
        assert "$sealed" not in text, address
    assert web.get(f"/api/jobs/{job.id}").json["data"]["token"] == MASK  # type: ignore[index]
    assert MASK in web.get(f"/jobs/{job.id}").text


def test_a_form_that_is_refused_does_not_repeat_them(web: FlaskClient, csrf: str) -> None:
    logins = json.dumps([{"user": "ana", "password": LINE}])
    answer = send(
        web, csrf, **{"data.token": TOKEN, "data.tables": f"a = {LINE}", "data.logins": logins, "priority": "x"}
    )
    assert answer.status_code == 422
    assert TOKEN not in answer.text
    assert LINE not in answer.text
    assert "a = </textarea>" in answer.text


def test_left_empty_the_old_ones_are_kept(
    web: FlaskClient, csrf: str, services: Services, admin: Actor, member: Actor, sign_in: SignIn
) -> None:
    send(web, csrf, **{"data.token": TOKEN, "data.tables": f"a = {LINE}"})
    (job,) = made(services, admin)
    page = web.get(f"/jobs/new/gossip?from={job.id}").text
    assert f'name="secretsOf" value="{job.id}"' in page
    assert f"a = {MASK}" in page
    assert "Leave it empty to keep" in page
    same = {"data.token": "", "data.tables": f"a = {MASK}", "secretsOf": str(job.id)}
    assert "Leave it empty to keep" in send(web, csrf, **same, priority="x").text
    assert send(web, csrf, **same).status_code == 303
    assert opened(services, made(services, admin)[0]) == {"/token": TOKEN, "/tables/a": LINE}
    assert send(web, csrf, **same | {"data.token": "another", "data.tables": ""}).status_code == 303
    assert opened(services, made(services, admin)[0]) == {"/token": "another"}

    # Nobody else, whatever the form says: it might be sent to an address of theirs.
    other = sign_in(member)
    page = other.get(f"/jobs/new/gossip?from={job.id}").text
    assert "secretsOf" not in page
    assert MASK not in page
    assert send(other, token_in(page), **same).status_code == 422
    assert len(made(services, admin)) == 3


@pytest.mark.parametrize("filled", ["data.fail=true", "data.spare=", "data.url=https%3A%2F%2Felsewhere.example"])
def test_a_link_that_fills_in_fields_keeps_none(
    web: FlaskClient, csrf: str, services: Services, admin: Actor, filled: str
) -> None:
    """Whoever made the link may have chosen where they are sent."""
    send(web, csrf, **{"data.token": TOKEN, "data.tables": f"a = {LINE}"})
    (job,) = made(services, admin)
    assert "secretsOf" in web.get(f"/jobs/new/gossip?from={job.id}").text
    page = web.get(f"/jobs/new/gossip?from={job.id}&{filled}").text
    assert "secretsOf" not in page
    assert MASK not in page
    assert "Leave it empty to keep" not in page


def test_presets_are_saved_without_them(web: FlaskClient, csrf: str) -> None:
    sent = {"csrf_token": csrf, "data.token": TOKEN, "data.tables": f"a = {LINE}"}
    page = web.post("/jobs/new/gossip/presets", data=sent).text
    assert "Save as a preset" in page
    assert TOKEN not in page
    assert LINE not in page
