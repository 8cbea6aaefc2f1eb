"""Who may open a socket, when it is closed again, and what is left of it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from jobsapp.core.actors import Actor
from jobsapp.extensions import db
from jobsapp.live import hub
from jobsapp.models import ApiToken
from tests.live.conftest import Site, create, wait_for


def test_nobody_is_sent_away_with_4401(site: Site, member: Actor) -> None:
    for headers in ({"Authorization": "Bearer wrong"}, {"Origin": site.origin}):
        for path in ("/ws/jobs", "/live/jobs", f"/live/jobs/{uuid4()}"):
            assert site.open(None, path, **headers).closed() == 4401


def test_the_origin_is_checked_before_the_handshake(site: Site, member: Actor) -> None:
    cookie = site.cookie(member)
    for headers in ({}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        assert site.refusal(Cookie=cookie, **headers) == 403
    assert site.refusal(Authorization="Bearer any", Origin="http://evil.example") == 403


def test_a_page_signs_in_by_its_session(site: Site, member: Actor) -> None:
    job = create(site, member)
    page = site.open(None, f"/live/jobs/{job.id}", Cookie=site.cookie(member), Origin=site.origin)
    assert str(job.id) in page.text()


def test_a_full_server_refuses_politely(site: Site, member: Actor) -> None:
    site.hub._capacity = 1
    first = site.open(member)
    wait_for(lambda: site.hub._interest.watchers)
    assert site.open(member).closed() == 1013
    first.client.close()
    wait_for(lambda: not site.hub._interest.watchers)
    job = create(site, member)
    third = site.open(member)
    third.say("subscribe-job", job.id)
    assert third.event()["job"]["id"] == str(job.id)


def test_stopping_closes_with_1012(site: Site, member: Actor) -> None:
    page = site.open(member)
    wait_for(lambda: site.hub._interest.watchers)
    site.hub.stop()
    assert page.closed() == 1012
    assert site.open(member).closed() == 1012


def test_a_socket_ends_when_the_right_ends(site: Site, member: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "CHECK_SECONDS", 0.2)
    page = site.open(member)
    page.nothing()
    session = site.services.jobs._session
    session.query(ApiToken).delete()
    session.commit()
    assert page.closed() == 4401


def test_leaving_leaves_nothing_behind(site: Site, member: Actor) -> None:
    job = create(site, member)
    pages = [site.open(member, path) for path in ("/ws/jobs?jobs=all", "/live/jobs", f"/live/jobs/{job.id}")]
    for page in pages:
        page.text()
        page.client.close()
    interest = site.hub._interest
    wait_for(lambda: not interest.watchers)
    assert (interest._by_job, interest._by_organization) == ({}, {})


def test_no_database_connection_is_held(site: Site, member: Actor) -> None:
    job = create(site, member)
    db.session.remove()
    for _ in range(5):
        site.open(member, f"/live/jobs/{job.id}").text()
    db.session.remove()
    wait_for(lambda: db.engine.pool.checkedout() == 0)  # type: ignore[attr-defined]
