"""Limits set and removed on the page of a queue."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.limits import NewLimit
from tests.pages.conftest import SignIn, token_in

PAGE = "/queues/echo/limits"


def value(page: str, field: str) -> str:
    found = re.search(rf'id="{field}"[^>]* value="([^"]*)"', page)
    assert found is not None
    return found[1]


def test_a_limit_is_set_changed_and_removed(web: FlaskClient, services: Services, admin: Actor) -> None:
    page = web.get(PAGE).text
    assert "Jobs of the type Echo" in page
    assert "Remove limit" not in page
    sent = {"csrf_token": token_in(page), "max_active": "2", "max_starts": "90", "period": "1.5", "unit": "hours"}
    answer = web.post(f"{PAGE}/queue/echo", data=sent)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/queues#queue-echo")
    (limit,) = services.limits.all(admin)
    assert (limit.scope, limit.max_active, limit.max_starts, limit.period_seconds) == ("queue", 2, 90, 5400.0)
    queues = web.get("/queues").text
    assert "0 of 2" in queues
    assert "0 of 90" in queues

    page = web.get(PAGE).text
    assert [value(page, f"{name}-queue-1") for name in ("max_active", "max_starts", "period")] == ["2", "90", "90"]
    assert "<option selected>minutes</option>" in page
    changed = {"csrf_token": token_in(page), "max_active": "3"}
    assert web.post(f"{PAGE}/queue/echo", data=changed).status_code == 303
    assert web.post(f"{PAGE}/type/echo", data=changed).status_code == 303
    assert [(one.scope, one.max_active, one.max_starts) for one in services.limits.all(admin)] == [
        ("queue", 3, None),
        ("type", 3, None),
    ]
    assert web.post(f"{PAGE}/queue/echo/remove", data=changed).status_code == 303
    assert [one.scope for one in services.limits.all(admin)] == ["type"]
    assert web.post(f"{PAGE}/queue/echo/remove", data=changed).status_code == 404


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({}, "max_active", "Give “At once”, or “Starts” with “Period”"),
        ({"max_active": "0"}, "max_active", "Must be from 1 to 1,000,000."),
        ({"max_active": "two"}, "max_active", "Must be a whole number, such as 5."),
        ({"max_active": "1.5"}, "max_active", "Must be a whole number, such as 5."),
        ({"max_starts": "5"}, "period", "Says within which time"),
        ({"max_active": "1", "period": "5"}, "max_starts", "Says how many jobs may start"),
        ({"max_starts": "5", "period": "x"}, "period", "Must be a number, such as 60."),
        ({"max_starts": "5", "period": "nan"}, "period", "Must be from 1 second to 31 days"),
        ({"max_starts": "5", "period": "40", "unit": "days"}, "period", "Must be from 1 second to 31 days"),
    ],
)
def test_faults_stand_beside_their_field(
    web: FlaskClient, services: Services, admin: Actor, typed: dict[str, str], field: str, sentence: str
) -> None:
    sent = {"csrf_token": token_in(web.get(PAGE).text), **typed}
    refused = web.post(f"{PAGE}/type/echo", data=sent)
    assert refused.status_code == 422
    found = re.search(rf'id="{field}-type-2-error">([^<]*)<', refused.text)
    assert found is not None
    assert sentence in found[1]
    for name in typed.keys() - {"unit"}:
        assert value(refused.text, f"{name}-type-2") == typed[name], "nothing is lost"
    assert refused.text.count("field-error") == 1
    assert services.limits.all(admin) == []


def test_only_what_is_of_the_queue(web: FlaskClient) -> None:
    sent = {"csrf_token": token_in(web.get(PAGE).text), "max_active": "2"}
    for path in (f"{PAGE}/type/steps", f"{PAGE}/queue/steps", f"{PAGE}/organization/*", "/queues/no/limits/queue/no"):
        assert web.post(path, data=sent).status_code == 404
    assert web.get("/queues/no/limits").status_code == 404


def test_members_look_on(sign_in: SignIn, member: Actor, services: Services, admin: Actor) -> None:
    services.limits.set(admin, "queue", "echo", NewLimit(2, 5, 60))
    browser = sign_in(member)
    page = browser.get(PAGE).text
    assert "At most 2 at once. At most 5 starts in 1 minute." in page
    assert "No limit is set." in page
    assert "Remove limit" not in page
    assert "<button" not in page.partition('class="limits"')[2].partition("</main>")[0]
    sent = {"csrf_token": token_in(page), "max_active": "2"}
    assert browser.post(f"{PAGE}/queue/echo", data=sent).status_code == 403
    assert browser.post(f"{PAGE}/queue/echo/remove", data=sent).status_code == 403
    assert "Limits…" not in browser.get("/queues").text
    assert 'href="/jobs?queue=echo"' in browser.get("/queues").text


def test_a_refused_form_may_be_loaded_again(web: FlaskClient) -> None:
    sent = {"csrf_token": token_in(web.get(PAGE).text), "max_active": "none"}
    assert web.post(f"{PAGE}/queue/echo", data=sent).status_code == 422
    assert web.get(f"{PAGE}/queue/echo").location == PAGE
