"""The walk of all sockets: as nobody, as another organisation, as a guest. What is not theirs is not there.

Every route of a socket is in DOORS: for a new one this fails and says so. All other routes: `tests/house/test_walk.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from flask_openapi3 import OpenAPI
from simple_websocket import ConnectionClosed

from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.events import Event, JobChanged
from jobsapp.services import Services
from tests.house.planted import MARK, WORD, Things, plant
from tests.house.walk import address
from tests.live.conftest import DEADLINE, Page, Site, create, hints

__all__ = ["hints"]

JOBS = "{jobs}"
DOORS: dict[str, dict[str, int | None]] = {
    "live.json_jobs": {"": None, "?jobs=all": None},
    "live.page_jobs": {"": None, f"?q={WORD}": None, "?user={user}": None, "?status=active": None},
    "live.page_job": {"": 4404},
    "live.page_tray": {f"?jobs={JOBS}": None},
    "live.shared_job": {"": 4401},
}
"""For each route of a socket: what is asked for, and the code that another organisation's administrator is shown out
with; None: they may stay, and hear nothing of what is not theirs."""


@pytest.fixture
def things(
    services: Services, admin: Actor, connection: psycopg.Connection[Any], drain: Callable[[str], int]
) -> Things:
    return plant(services, admin, connection, drain)


def doors(app: OpenAPI, things: Things) -> list[tuple[str, str, int | None]]:
    """Each way in: the route, the address, and the code that shows a stranger out."""
    found = []
    for rule in app.url_map.iter_rules():
        if not rule.websocket:
            continue
        assert rule.endpoint in DOORS, (
            f"{rule.rule} ({rule.endpoint}) is a new socket: say in DOORS how it treats others"
        )
        for query, code in DOORS[rule.endpoint].items():
            for job_id in things.jobs.values() if "job_id" in rule.arguments else [things.jobs["done"]]:
                said = query.format(jobs=",".join(map(str, things.jobs.values())), user=things.user)
                found.append((rule.endpoint, address(app, rule, things.fillers(job_id)) + said, code))
    return found


def left(page: Page) -> str:
    """All that has come, and comes in a moment."""
    texts = []
    with suppress(ConnectionClosed):
        while (text := page.client.receive(timeout=0.05)) is not None:
            texts.append(str(text))
    return "".join(texts)


def tell_all(hints: Hints, things: Things) -> None:
    """News of everything that the first organisation has."""
    for event in Event:
        hints.publish([JobChanged(one, things.organization, event, 99) for one in things.jobs.values()])


def subscribe(page: Page, things: Things) -> None:
    with suppress(ConnectionClosed):
        for job_id in things.jobs.values():
            page.say("subscribe-job", job_id)


def test_nobody_gets_in(site: Site, things: Things, hints: Hints) -> None:
    for endpoint, path, _ in doors(site.app, things):
        # Where the address is the right, it is asked for after the handshake.
        assert endpoint == "live.shared_job" or site.refusal(path) == 403, path
        page = site.open(None, path, Origin=site.origin)
        with pytest.raises(ConnectionClosed) as ended:
            page.client.receive(timeout=DEADLINE)
        assert ended.value.reason == 4401, path


def test_another_organisation_hears_nothing(site: Site, things: Things, stranger: Actor, hints: Hints) -> None:
    found = doors(site.app, things)
    pages = [(path, code, site.open(stranger, path)) for _, path, code in found]
    cookie = site.cookie(stranger)
    pages += [(path, code, site.open(None, path, Cookie=cookie, Origin=site.origin)) for _, path, code in found]
    for _, _, page in pages:
        subscribe(page, things)
    for path, _, page in pages:
        if path.startswith("/ws/jobs"):
            answers = [page.event() for _ in things.jobs]
            assert {(one["code"], one["jobId"]) for one in answers} == {
                ("not-found", str(one)) for one in things.jobs.values()
            }
    tell_all(hints, things)
    own = create(site, stranger)
    for path, _, page in pages:
        if path == "/ws/jobs?jobs=all":
            # What was told before has been told by then.
            assert page.event()["job"]["id"] == str(own.id)
    for path, code, page in pages:
        assert MARK not in (said := left(page)), f"{path} shows what is another organisation's: {said[:2000]}"
        assert code is None or page.closed() == code, path
        assert page.client.connected == (code is None), path


def test_a_guest_hears_of_one_job(site: Site, things: Things, hints: Hints) -> None:
    token = f"Bearer {things.embed}"
    for endpoint, path, _ in doors(site.app, things):
        if endpoint == "live.json_jobs":
            page = site.open(None, path, Authorization=token)
            subscribe(page, things)
            tell_all(hints, things)
            page.say("subscribe-job", things.aside)
            said = [page.event() for _ in [*things.jobs, things.aside]]
            assert MARK not in (text := json.dumps(said) + left(page)), text
            assert "aside" in text
        elif endpoint == "live.shared_job":
            # The address is what counts there.
            assert site.open(None, path, Authorization=token).closed() == 4401
        else:
            assert site.refusal(path, Authorization=token) == 403, path


def test_the_first_organisation_hears_its_own(site: Site, things: Things, admin: Actor) -> None:
    """So that the walk of others is no walk past nothing."""
    for endpoint, path, _ in doors(site.app, things):
        if endpoint != "live.shared_job":
            page = site.open(admin, path)
            subscribe(page, things)
            while MARK not in page.text():
                pass
