"""Who may open a socket, when it is closed again, and what is left of it."""

from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

import psycopg
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
    for headers in ({}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://["}):
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


def test_a_revoked_token_ends_its_sockets_at_once(
    site: Site, member: Actor, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "CHECK_SECONDS", 3600.0)
    page, other, browser = (
        site.open(member),
        site.open(admin),
        site.open(None, Cookie=site.cookie(member), Origin=site.origin),
    )
    for one in (page, other, browser):
        one.nothing()
    theirs = next(token for token in site.services.identity.tokens() if token.user_id == member.user_id)
    site.services.identity.revoke_token(str(theirs.id))
    assert page.closed() == 4401
    for one in (other, browser):
        one.nothing()
        assert one.client.connected


def test_a_user_who_is_removed_is_shown_out(
    site: Site, member: Actor, admin: Actor, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "CHECK_SECONDS", 0.2)
    theirs = [site.open(member), site.open(None, "/live/jobs", Cookie=site.cookie(member), Origin=site.origin)]
    page = site.open(admin)
    wait_for(lambda: len(site.hub._interest.watchers) == 3)
    connection.execute("DELETE FROM users WHERE id = %s", [member.user_id])
    assert [one.closed() for one in theirs] == [4401, 4401]
    page.nothing()
    assert page.client.connected


def test_a_user_of_another_organisation_now_is_shown_out(
    site: Site, member: Actor, stranger: Actor, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "CHECK_SECONDS", 0.2)
    pages = [site.open(member), site.open(None, "/live/jobs", Cookie=site.cookie(member), Origin=site.origin)]
    wait_for(lambda: len(site.hub._interest.watchers) == 2)
    whose = [stranger.organization_id, member.user_id]
    connection.execute("INSERT INTO memberships (organization_id, user_id, role) VALUES (%s, %s, 'viewer')", whose)
    for table in ("login_sessions", "api_tokens"):
        connection.execute(f"UPDATE {table} SET organization_id = %s WHERE user_id = %s", whose)  # type: ignore[arg-type]
    assert [one.closed() for one in pages] == [4401, 4401]


def test_sockets_hold_no_threads(site: Site, member: Actor) -> None:
    site.open(member, "/live/jobs")
    wait_for(lambda: len(site.hub._interest.watchers) == 1)
    before = threading.active_count()
    raws = [site.raw(member, "/live/jobs") for _ in range(20)]
    wait_for(lambda: len(site.hub._interest.watchers) == 1 + len(raws))
    wait_for(lambda: threading.active_count() <= before)


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


def test_a_member_who_is_removed_is_shown_out(site: Site, member: Actor) -> None:
    pages = [site.open(member), site.open(None, "/live/jobs", Cookie=site.cookie(member), Origin=site.origin)]
    wait_for(lambda: len(site.hub._interest.watchers) == 2)
    site.services.memberships.remove(member.organization_id, member.user_id)
    assert [one.closed() for one in pages] == [4401, 4401]


def test_a_user_who_is_deactivated_is_shown_out(site: Site, member: Actor) -> None:
    pages = [site.open(member), site.open(None, "/live/jobs", Cookie=site.cookie(member), Origin=site.origin)]
    wait_for(lambda: len(site.hub._interest.watchers) == 2)
    site.services.memberships.deactivate(member.user_id)
    assert [one.closed() for one in pages] == [4401, 4401]


def test_another_role_begins_anew(site: Site, member: Actor) -> None:
    page = site.open(member)
    wait_for(lambda: len(site.hub._interest.watchers) == 1)
    site.services.memberships.set_role(member.organization_id, member.user_id, "operator")
    assert page.closed() == 1012
