"""Sockets that hang on a token for one job: from any origin, for that job, until the token ends."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.live import hub as hub_module
from jobsapp.models import Job
from jobsapp.services.job_tokens import EMBED, SHARE
from tests.live.conftest import Caller, Hand, Page, Site, changed, create, hand, hints, wait_for
from tests.live.test_gunicorn import Web, connect, end, web

__all__ = ["hand", "hints", "web"]

ELSEWHERE = {"Origin": "https://shop.example"}


@pytest.fixture(autouse=True)
def no_regular_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends here ends by the news of it, unless a test says otherwise."""
    monkeypatch.setattr(hub_module, "CHECK_SECONDS", 3600.0)


def protocols(text: str) -> list[str]:
    return ["jobsapp", f"jobsapp.token.{text}"]


def open_with(site: Site, text: str, path: str = "/ws/jobs", **headers: str) -> Page:
    """As a page of another site does it."""
    client = Caller.connect(f"ws://{site.host}{path}", subprotocols=protocols(text), headers=headers or ELSEWHERE)
    page = Page(client)
    site._pages.append(page)
    return page


def token(site: Site, actor: Actor, job: Job, kind: str = EMBED) -> str:
    return site.services.job_tokens.create(actor, job.id, kind)[1]


def subscribed(page: Page, job: Job) -> dict[str, Any]:
    page.say("subscribe-job", job.id)
    return page.event()


def test_a_page_of_another_site_follows_its_job(site: Site, member: Actor, hand: Hand, hints: Hints) -> None:
    job = create(site, member)
    page = open_with(site, token(site, member, job))
    # The token is not repeated, and in no address.
    assert page.client.subprotocol == "jobsapp"
    told = subscribed(page, job)
    assert (told["event"], told["job"]["id"]) == ("job-created", str(job.id))
    claimed = hand.claim()
    hand.pulse(claimed, 1, 4, "First")
    changed(hints, job)
    assert page.until(lambda event: event["job"]["progress"]["current"] == 1)["event"] == "job-update"
    hand.finish(claimed, Transition(Status.COMPLETED, "completed", result={"rows": 3}))
    changed(hints, job)
    assert page.until(lambda event: event["event"] == "job-completed")["job"]["result"] == {"rows": 3}


def test_it_hears_no_input_no_traceback_and_nobodys_id(site: Site, member: Actor, hand: Hand) -> None:
    job = create(site, member)
    failure = Failure("Broken", "It broke.", "Traceback: secret")
    hand.finish(hand.claim(), Transition(Status.FAILED, "failed", failure=failure))
    guest, whole = open_with(site, token(site, member, job)), site.open(member)
    seen = subscribed(guest, job)["job"]
    assert (seen["data"], seen["userId"]) == ({}, None)
    assert (seen["error"]["message"], seen["error"]["traceback"]) == ("It broke.", None)
    assert subscribed(whole, job)["job"]["data"] == {"text": "hello"}, (
        "one and the same change, told as each may see it"
    )


def test_no_other_job_is_told(site: Site, member: Actor, hints: Hints) -> None:
    mine, other = create(site, member), create(site, member)
    text = token(site, member, mine)
    for path in ("/ws/jobs", "/ws/jobs?jobs=all"):
        page = open_with(site, text, path)
        if path == "/ws/jobs":
            refused = subscribed(page, other)
            assert (refused["event"], refused["code"], refused["jobId"]) == ("error", "not-found", str(other.id))
            page.say("subscribe-job", mine.id)
        assert page.event()["job"]["id"] == str(mine.id)
        changed(hints, other)
        page.nothing()


def test_cookies_and_other_tokens_do_not_count_elsewhere(site: Site, member: Actor) -> None:
    job = create(site, member)
    cookie, own = site.cookie(member), site.services.identity.create_token(member.email, "own")
    wrong = {"Sec-WebSocket-Protocol": ", ".join(protocols("jobsapp-job_wrong"))}
    assert site.refusal(Cookie=cookie, **ELSEWHERE) == 403
    assert site.refusal(Authorization=f"Bearer {own}", **ELSEWHERE) == 403
    # A token of a user is none for a page: what a browser names is taken only if it is for one job.
    assert site.refusal(**ELSEWHERE, **{"Sec-WebSocket-Protocol": ", ".join(protocols(own))}) == 403
    # With a token for a job the cookie of the same browser is not looked at.
    assert open_with(site, "jobsapp-job_wrong", Cookie=cookie, **ELSEWHERE).closed() == 4401
    assert site.refusal("/live/jobs", Cookie=cookie, **ELSEWHERE, **wrong) == 403
    good = {"Sec-WebSocket-Protocol": ", ".join(protocols(token(site, member, job)))}
    for path in ("/live/jobs", f"/live/jobs/{job.id}"):
        assert site.refusal(path, **ELSEWHERE, **good) == 403


def test_a_program_may_send_it_as_a_header(site: Site, member: Actor) -> None:
    job = create(site, member)
    page = site.open(None, Authorization=f"Bearer {token(site, member, job)}")
    assert subscribed(page, job)["job"]["id"] == str(job.id)


def test_revoking_closes_its_sockets_at_once_and_no_others(site: Site, member: Actor) -> None:
    job = create(site, member)
    made = [site.services.job_tokens.create(member, job.id, EMBED) for _ in range(2)]
    pages = [open_with(site, text) for _, text in made]
    others = [pages[1], site.open(member)]
    wait_for(lambda: len(site.hub._interest.watchers) == 3)
    pages[0].nothing()
    site.services.job_tokens.revoke(member, job.id, made[0][0].id)
    assert pages[0].closed() == 4401
    for page in others:
        page.nothing()
        assert page.client.connected


def test_without_redis_it_takes_a_little_longer(cold_site: Site, member: Actor) -> None:
    site = cold_site
    site.hub._settings = site.hub._settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"})
    job = create(site, member)
    made, text = site.services.job_tokens.create(member, job.id, EMBED)
    page = open_with(site, text)
    wait_for(lambda: site.hub._interest.watchers)
    site.services.job_tokens.revoke(member, job.id, made.id)
    assert page.closed() == 4401


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE job_tokens SET expires_at = now() - interval '1 minute'",
        "DELETE FROM jobs",
        "DELETE FROM users WHERE email = 'operator@localhost'",
    ],
)
def test_it_ends_with_its_time_its_job_and_its_maker(
    site: Site,
    operator: Actor,
    admin: Actor,
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    end: str,
) -> None:
    monkeypatch.setattr(hub_module, "CHECK_SECONDS", 0.2)
    site.hub._check_at = 0.0
    page = open_with(site, token(site, operator, create(site, admin)))
    page.nothing()
    connection.execute(end)  # type: ignore[arg-type]
    assert page.closed() == 4401


def test_another_process_hears_of_it(site: Site, web: Web, member: Actor) -> None:
    job = create(site, member)
    made, text = site.services.job_tokens.create(member, job.id, EMBED)
    page = connect(web, ELSEWHERE, "/ws/jobs", subprotocols=protocols(text))
    assert subscribed(page, job)["job"]["id"] == str(job.id)
    site.services.job_tokens.revoke(member, job.id, made.id)
    assert page.closed() == 4401
    end(page)


def test_a_shared_page_gets_its_panel(site: Site, member: Actor, hand: Hand, hints: Hints) -> None:
    job = create(site, member)
    made, text = site.services.job_tokens.create(member, job.id, SHARE)
    page = site.open(None, f"/live/shared/{text}", Origin=site.origin)
    first = page.text()
    assert "Job queued" in first
    hand.pulse(hand.claim(), 1, 4, "First")
    changed(hints, job)
    panel = page.text()
    assert "Item 1 of 4" in panel
    for part in (first, panel):
        assert not {"Cancel job", "panel-actions", "flask worker", "/api/", text} & set(part.split('"')), part
        assert "Cancel job" not in part
        assert "flask worker" not in part
    site.services.job_tokens.revoke(member, job.id, made.id)
    assert page.closed() == 4401


def test_an_address_with_another_token_shows_nothing(site: Site, member: Actor) -> None:
    job = create(site, member)
    for text in (token(site, member, job), "wrong", site.services.identity.create_token(member.email, "own")):
        page = site.open(None, f"/live/shared/{text}", Origin=site.origin, Cookie=site.cookie(member))
        assert page.closed() == 4401


def test_a_server_that_is_asked_without_our_protocol_names_none(site: Site, member: Actor) -> None:
    headers = {"Authorization": "Bearer " + site.services.identity.create_token(member.email, "own")}
    client = Caller.connect(f"ws://{site.host}/ws/jobs", headers=headers)
    assert client.subprotocol is None
    page = Page(client)
    site._pages.append(page)
    page.nothing()
