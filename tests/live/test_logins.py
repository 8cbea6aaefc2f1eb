"""Sockets end with the login session they hang on, in every process."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.live import hub
from jobsapp.live.news import Form
from jobsapp.live.watcher import Watcher
from tests.live.conftest import DEADLINE, Page, Site, wait_for
from tests.live.test_gunicorn import Web, connect, end, web

__all__ = ["web"]


@pytest.fixture(autouse=True)
def no_regular_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends here ends by the news of it, not by the check that comes anyway."""
    monkeypatch.setattr(hub, "CHECK_SECONDS", 3600.0)


def by_cookie(site: Site, cookie: str, path: str = "/live/jobs") -> Page:
    return site.open(None, path, Cookie=cookie, Origin=site.origin)


def stays(page: Page) -> None:
    page.nothing()
    assert page.client.connected


def login_of(site: Site, cookie: str) -> str:
    """What the browser's cookie carries."""
    client = site.app.test_client()
    client.set_cookie(*cookie.split("=", 1))
    with client.session_transaction() as session:
        return str(session["login"])


def test_signing_out_closes_all_sockets_of_that_browser_and_no_others(site: Site, admin: Actor, member: Actor) -> None:
    here, there, theirs = site.cookie(admin), site.cookie(admin), site.cookie(member)
    mine = [by_cookie(site, here), by_cookie(site, here, "/ws/jobs")]
    others = [by_cookie(site, there), by_cookie(site, theirs), site.open(admin)]
    wait_for(lambda: len(site.hub._interest.watchers) == 5)
    mine[0].nothing()
    site.services.logins.end(login_of(site, here))
    assert [page.closed() for page in mine] == [4401, 4401]
    for page in others:
        stays(page)
    assert by_cookie(site, here).closed() == 4401


def test_signing_out_everywhere_closes_all_but_the_programs(site: Site, admin: Actor, member: Actor) -> None:
    mine = [by_cookie(site, site.cookie(admin)) for _ in range(2)]
    others = [by_cookie(site, site.cookie(member)), site.open(admin)]
    wait_for(lambda: len(site.hub._interest.watchers) == 4)
    mine[0].nothing()
    assert site.services.logins.end_all(admin.user_id) == 2
    assert [page.closed() for page in mine] == [4401, 4401]
    for page in others:
        stays(page)


def test_without_redis_it_takes_a_little_longer(cold_site: Site, admin: Actor) -> None:
    site = cold_site
    site.hub._settings = site.hub._settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"})
    cookie = site.cookie(admin)
    page = by_cookie(site, cookie)
    wait_for(lambda: site.hub._interest.watchers)
    site.services.logins.end(login_of(site, cookie))
    assert page.closed() == 4401


def test_a_login_that_ends_while_its_socket_opens(
    site: Site, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    cookie = login_of(site, site.cookie(admin))
    login = site.services.logins.find(cookie)
    assert login is not None
    woken = threading.Event()
    watcher = Watcher(admin, Form.ROW, login_id=login.id)
    watcher.wake = woken.set
    # The news of it found no socket here.
    connection.execute("DELETE FROM login_sessions")
    assert site.hub._join(watcher, 1)
    assert woken.wait(DEADLINE)
    site.hub._interest.leave(watcher)
    assert watcher.closing is not None
    assert watcher.closing.code == 4401


def test_another_process_hears_of_it(site: Site, web: Web, admin: Actor) -> None:
    cookie = site.cookie(admin)
    page = connect(web, {"Cookie": cookie, "Origin": site.origin}, "/ws/jobs")
    page.nothing()
    site.services.logins.end(login_of(site, cookie))
    assert page.closed() == 4401
    end(page)
