"""A walk of all routes, as somebody who has nothing to look for there: what is another organisation's is not there.

A route that is added is walked too. If its address has an argument that the walk does not know, it fails and says what
to add. Sockets: `tests/live/test_walk.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI
from sqlalchemy import select
from werkzeug.routing import Rule

from jobsapp.auth.current import LOGIN
from jobsapp.core.actors import Actor
from jobsapp.models import Job
from jobsapp.services import Services, files
from jobsapp.services.jobs import Jobs
from tests.house.planted import Things, everything, plant
from tests.house.walk import PUBLIC, SHARED, Step, Walker, address, leaks, steps

VIEWERS = True
"""Whether the services refuse what a role may not do. Set it when they do (issue 6, roles): then a viewer is walked."""
VIEWER_MAY = {
    "login.redeem": "signing in",
    "login.logout": "signing out",
    "login.logout_everywhere": "signing out",
    "account.change_password": "one's own",
    "account.end_browser": "one's own",
    "account.unlink": "one's own",
    "api_account.end_browser": "one's own",
    "api_account.end_browsers": "one's own",
    "api_account.unlink": "one's own",
    "api_account.set_password": "one's own",
    "presets.ask": "asking what to call it; saving is refused",
    "api_workflows.check": "says what is wrong with a text, and keeps nothing",
    "workflows.check": "says what is wrong with a text, and keeps nothing",
    "tokens.create": "one's own",
    "api_tokens.create": "one's own",
    "api_tokens.revoke": "one's own; those of others are not there",
    "api_schedules.preview": "nothing is kept",
    "members.switch": "going over to another organisation of one's own",
}
"""Changing methods that are not about the organisation's things."""
OF_GUESTS = {"api_jobs.show", "api_files.download"}
"""What a token of one job opens, of that job."""


@pytest.fixture
def things(
    services: Services, admin: Actor, connection: psycopg.Connection[Any], drain: Callable[[str], int]
) -> Things:
    return plant(services, admin, connection, drain)


def test_the_first_organisation_finds_its_things(
    app: OpenAPI, services: Services, things: Things, admin: Actor
) -> None:
    """So that the walk of others is no walk past nothing."""
    walker = Walker.signed_in(app, services, admin)
    seen, owned = set(), set()
    for step in steps(app, things):
        if step.method == "GET":
            answer = walker(step)
            assert answer.status_code < 500, step
            seen |= {step.rule.endpoint} if leaks(answer) else set()
            owned |= {step.rule.endpoint} if step.is_owned and step.rule.endpoint not in SHARED else set()
    # A file's description and content, and so on: all that name a thing show a mark of it, but for these, of which some
    # only lead back to a page.
    back = {"notifications.back", "notification_rules.back", "deliveries.back"}
    assert owned - seen <= {"api_job_tokens.index", "shares.index", "log.new", *back}
    lists = {
        "api_jobs.index",
        "jobs.index",
        "api_search.find",
        "search.index",
        "tray.show",
        "workers.index",
    }
    assert lists | {"api_presets.index", "new_job.form", "dashboard.board", "api_workers.index"} <= seen


def test_nobody_gets_in(app: OpenAPI, services: Services, things: Things, connection: psycopg.Connection[Any]) -> None:
    before, walker = everything(connection, things.organization), Walker(app.test_client())
    for step in steps(app, things):
        answer = walker(step)
        assert not leaks(answer), step
        if step.rule.endpoint in PUBLIC:
            assert answer.status_code < 500, step
        elif step.rule.endpoint in SHARED:
            assert answer.status_code == 404, step
        elif step.path.startswith("/api/"):
            assert answer.status_code == 401, f"{step}: {answer.status_code}"
        elif step.rule.endpoint == "login.logout_everywhere":
            # Of whom it is asked comes first there: it has no page that could have asked.
            assert answer.status_code == 403, step
        else:
            assert answer.status_code == 303, f"{step}: {answer.status_code}"
            assert answer.headers["Location"].partition("?")[0] == "/login", step
    assert everything(connection, things.organization) == before


def test_an_administrator_of_another_organisation_finds_nothing(
    app: OpenAPI, services: Services, things: Things, stranger: Actor, connection: psycopg.Connection[Any]
) -> None:
    before, walker = everything(connection, things.organization), Walker.signed_in(app, services, stranger)
    for step in steps(app, things):
        answer = walker(step)
        assert not leaks(answer), f"{step} shows what is another organisation's: {answer.text[:2000]}"
        if step.rule.endpoint in PUBLIC or not step.is_owned:
            assert answer.status_code < 500, f"{step}: {answer.status_code}"
        else:
            assert answer.status_code == 404, (
                f"{step} answered {answer.status_code} to another organisation, not 404. If that is because of what was"
                " sent: give `bodies` in tests/house/walk.py something valid to send."
            )
    assert everything(connection, things.organization) == before


def test_a_session_without_its_csrf_token_changes_nothing(
    app: OpenAPI, services: Services, things: Things, connection: psycopg.Connection[Any]
) -> None:
    """As a page of another site would send it, in the browser of an administrator who is signed in here."""
    owner = services.identity.create_user("victim@localhost", role="admin")
    client = app.test_client()
    with client.session_transaction() as session:
        session[LOGIN] = services.logins.start(services.identity.get_actor(owner.id))
    before, walker = everything(connection, things.organization), Walker(client)
    for step in steps(app, things):
        if step.method != "GET":
            answer = walker(step)
            assert answer.status_code == 403, f"{step} answered {answer.status_code} without a CSRF token"
    assert is_signed_in(client)
    assert everything(connection, things.organization) == before


def test_services_that_forget_the_bound_show_nothing_either(
    app: OpenAPI, services: Services, things: Things, stranger: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if somebody had forgotten it in the two places through which jobs and files are got."""
    monkeypatch.setattr(Jobs, "_visible", lambda *_: select(Job))
    monkeypatch.setattr(files, "_may_read", lambda *_: True)
    walker = Walker.signed_in(app, services, stranger)
    for step in steps(app, things):
        if step.is_owned and step.rule.endpoint not in SHARED:
            answer = walker(step)
            assert (answer.status_code, leaks(answer)) == (404, False), step


def test_a_guest_with_a_token_of_one_job_finds_no_other(
    app: OpenAPI, services: Services, things: Things, connection: psycopg.Connection[Any]
) -> None:
    before = everything(connection, things.organization)
    walker = Walker(app.test_client(), {"Authorization": f"Bearer {things.embed}"})
    for step in steps(app, things):
        answer = walker(step)
        assert not leaks(answer), step
        if step.rule.endpoint in PUBLIC:
            assert answer.status_code < 500, step
        else:
            assert answer.status_code == (404 if step.rule.endpoint in OF_GUESTS | SHARED else 403), step
    assert everything(connection, things.organization) == before


def test_behind_a_shared_link_is_one_job_and_no_other(app: OpenAPI, things: Things) -> None:
    nobody = Walker(app.test_client())
    shared = [rule for rule in app.url_map.iter_rules() if "shared" in rule.arguments and not rule.websocket]
    assert {rule.endpoint for rule in shared} == SHARED
    for rule in shared:
        path = address(app, rule, things.fillers(things.jobs["done"]) | {"shared": things.share})
        answer = nobody(Step(rule, "GET", path, {}))
        assert not leaks(answer), path
        assert answer.status_code == (404 if "file_id" in rule.arguments else 200), path


@pytest.mark.skipif(not VIEWERS, reason="roles are not enforced yet: see VIEWERS")
def test_a_viewer_changes_nothing(
    app: OpenAPI, services: Services, things: Things, connection: psycopg.Connection[Any]
) -> None:
    user = services.identity.create_user("viewer@localhost", role="viewer")
    walker = Walker.signed_in(app, services, services.identity.get_actor(user.id))
    before = everything(connection, things.organization)
    for step in steps(app, things):
        if step.method == "GET" or step.rule.endpoint in PUBLIC or step.rule.endpoint in VIEWER_MAY:
            continue
        answer = walker(step)
        # Of several jobs' addresses one names the token's own; an organisation's limits have no page; its channels of
        # notifications are there for operators and administrators alone.
        areas = ("api_channels", "api_notification_rules", "api_deliveries", "notification_rules")
        hidden = step.rule.endpoint.partition(".")[0] in areas
        hidden |= bool({"token_id", "scope", "channel_id", "rule_id", "delivery_id"} & step.rule.arguments)
        elsewhere = {404} if hidden else set()
        assert answer.status_code in {403, *elsewhere}, f"{step} answered {answer.status_code} to a viewer, not 403"
    assert everything(connection, things.organization) == before


@pytest.mark.parametrize("scope", ["read", "jobs"])
def test_a_token_signs_no_browser_in_and_one_that_reads_changes_nothing(
    app: OpenAPI, services: Services, things: Things, connection: psycopg.Connection[Any], scope: str
) -> None:
    """Of an administrator: what the scope leaves out is left out, whoever made the token."""
    owner = services.identity.create_user("scoped@localhost", role="admin")
    token = services.identity.create_token(owner.email, "walk", scopes=[scope])
    client = app.test_client()
    walker = Walker(client, {"Authorization": f"Bearer {token}"})
    before = everything(connection, things.organization)
    for step in steps(app, things):
        if step.method == "GET":
            continue
        answer = walker(step)
        assert answer.status_code < 500, step
        assert not is_signed_in(client), f"{step} signs a browser in for a token"
        if scope == "read":
            wanted = 404 if step.rule.endpoint in SHARED or "link" in step.rule.arguments else 403
            assert answer.status_code == wanted, f"{step} answered {answer.status_code} to a token that reads"
    if scope == "read":
        assert everything(connection, things.organization) == before


def is_signed_in(client: FlaskClient) -> bool:
    with client.session_transaction() as session:
        return LOGIN in session


def test_a_route_that_the_walk_does_not_know_is_told_of(app: OpenAPI, things: Things) -> None:
    for rule in app.url_map.iter_rules():
        address(app, rule, things.fillers(things.jobs["done"]))
    app.url_map.add(new := Rule("/api/secrets/<secret_id>", endpoint="api_secrets.show", methods=["GET"]))
    with pytest.raises(AssertionError, match=r"<secret_id> of /api/secrets/<secret_id> .* Add `api_secrets.secret_id`"):
        address(app, new, things.fillers(things.jobs["done"]))
    known = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert PUBLIC.keys() | SHARED | OF_GUESTS <= known
