"""The page of the queues."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.pages.queues import state_of, trouble_of
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.limits import LimitView, NewLimit
from jobsapp.services.queues import QueueView
from tests.pages.conftest import SignIn, token_in

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def card(page: str, name: str) -> str:
    found = re.search(rf'<li class="card queue" id="queue-{name}">(.*?)</li>', page, re.DOTALL)
    assert found is not None
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[1]))


def test_what_waits_and_who_works(web: FlaskClient, services: Services, admin: Actor) -> None:
    for _ in range(2):
        services.jobs.create(admin, NewJob("echo", {}))
    services.limits.set(admin, "queue", "echo", NewLimit(max_active=3))
    page = web.get("/queues").text
    assert "Waiting 2" in card(page, "echo")
    assert "Oldest just now" in card(page, "echo")
    assert "Running 0 of 3" in card(page, "echo")
    assert "Nobody works on it. Start a worker: flask worker --queues echo" in card(page, "echo")
    assert "Nothing waits" in card(page, "steps")
    assert page.index('id="queue-echo"') < page.index('id="queue-data-conversion"'), "what waits comes first"
    services.jobs._hints.announce("w", ["echo"])
    assert "Jobs wait" in card(web.get("/queues").text, "echo")


def test_pause_with_a_reason_and_resume(web: FlaskClient, services: Services, admin: Actor) -> None:
    asked = web.get("/queues/echo/pause")
    sent = {"csrf_token": token_in(asked.text), "reason": " the bank <is> closed "}
    assert web.post("/queues/echo/pause", data=sent).headers["Location"] == "/queues"
    page = web.get("/queues").text
    assert "by admin@localhost: the bank &lt;is&gt; closed. What runs goes on" in card(page, "echo")
    assert web.post("/queues/echo/resume", data={"csrf_token": token_in(page)}).status_code == 303
    assert "Paused" not in card(web.get("/queues").text, "echo")


def test_another_organisation_sees_its_own_queue(
    sign_in: SignIn, services: Services, admin: Actor, stranger: Actor
) -> None:
    for _ in range(2):
        services.jobs.create(admin, NewJob("echo", {}))
    services.jobs.create(stranger, NewJob("echo", {}))
    services.limits.set(admin, "queue", "echo", NewLimit(max_active=3, max_starts=9, period_seconds=60))
    services.queues.pause(admin, "echo", reason="a secret move")
    browser = sign_in(stranger)
    seen = card(browser.get("/queues").text, "echo")
    assert "Waiting 1" in seen
    assert "Running at most 3" in seen
    assert "Paused just now . What runs goes on" in seen
    for path in ("/queues", "/dashboard", "/dashboard/board", "/jobs"):
        assert "a secret move" not in browser.get(path).text, path


def test_too_long_a_reason_is_said_at_its_field(web: FlaskClient) -> None:
    asked = web.get("/queues/echo/pause").text
    refused = web.post("/queues/echo/pause", data={"csrf_token": token_in(asked), "reason": "x" * 501})
    assert refused.status_code == 422
    assert 'id="reason-error">The reason may have up to 500 characters.' in refused.text
    assert "x" * 501 in refused.text, "nothing is lost"
    assert web.get("/queues/nowhere/pause").status_code == 404


def test_members_look_on(sign_in: SignIn, member: Actor, client: FlaskClient) -> None:
    browser = sign_in(member)
    page = browser.get("/queues").text
    assert 'id="queue-echo"' in page
    assert "/queues/echo/pause" not in page
    assert browser.post("/queues/echo/pause", data={"csrf_token": token_in(page)}).status_code == 403
    assert client.get("/queues").status_code == 303


def view(**said: object) -> QueueView:
    plain = {"name": "q", "types": ["echo"], "paused": None, "limits": [], "depth": 1, "depth_is_more": False}
    return QueueView.model_validate(plain | {"oldest_at": NOW, "workers": 1} | said)


def limit(**said: object) -> LimitView:
    nothing = {"max_active": None, "max_starts": None, "period_seconds": None, "active": 0, "starts": None}
    return LimitView.model_validate({"scope": "queue", "key": "q"} | nothing | said)


@pytest.mark.parametrize(
    ("said", "state", "words"),
    [
        ({}, "busy", ""),
        ({"depth": 0, "oldest_at": None, "workers": 0}, "idle", ""),
        ({"workers": 0}, "stuck", "Nobody works on it. Start a worker: `flask worker --queues q`"),
        ({"workers": None}, "busy", ""),
        ({"oldest_at": NOW - timedelta(minutes=5)}, "busy", "A job has waited for 5 min: "),
        ({"limits": [limit(max_active=2, active=1)]}, "busy", ""),
        ({"limits": [limit(max_active=2, active=2)]}, "busy", "The limit of 2 at once for this queue is reached"),
        (
            {"limits": [limit(scope="type", key="echo", max_starts=9, period_seconds=60, starts=9)]},
            "busy",
            "The limit of 9 starts in 1 min for the type echo is reached",
        ),
        ({"paused": {"at": NOW, "by": None, "reason": None}, "workers": 0}, "paused", ""),
    ],
)
def test_what_is_wrong_is_said_in_words(said: dict[str, object], state: str, words: str) -> None:
    found = view(**said)
    assert state_of(found) == state
    assert trouble_of(found, NOW).startswith(words)
    assert bool(trouble_of(found, NOW)) == bool(words)
