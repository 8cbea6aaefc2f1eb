"""Signed-in test clients."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from jobsapp import create_app
from jobsapp.auth.current import LOGIN
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.extensions import db
from jobsapp.services import Services


class FreshClient(FlaskClient):
    """Each request in a context of its own, although the tests hold one: nothing is remembered in `g`."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        with self.application.app_context():
            return super().open(*args, **kwargs)


@pytest.fixture
def client(app: OpenAPI, services: Services) -> FlaskClient:
    """Nobody in particular."""
    app.test_client_class = FreshClient
    return app.test_client()


@pytest.fixture
def another(settings: Settings) -> Iterator[Callable[..., OpenAPI]]:
    """Applications with other settings, on the same servers."""
    made: list[OpenAPI] = []

    def make(**changes: Any) -> OpenAPI:
        made.append(create_app(settings.model_copy(update=changes)))
        made[-1].test_client_class = FreshClient
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


SignIn = Callable[[Actor], FlaskClient]
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def token_in(html: str) -> str:
    found = TOKEN.search(html)
    assert found is not None, html
    return found[1]


@pytest.fixture
def sign_in(client: FlaskClient, services: Services) -> SignIn:
    """As after following a link, without the two pages on the way there."""

    def sign(actor: Actor) -> FlaskClient:
        browser = client.application.test_client()
        with browser.session_transaction() as session:
            session[LOGIN] = services.logins.start(replace(actor, address="127.0.0.1"), "Werkzeug", by="link")
            session.permanent = True
        return browser

    return sign


@pytest.fixture
def web(sign_in: SignIn, admin: Actor) -> FlaskClient:
    """The administrator's browser."""
    return sign_in(admin)


@pytest.fixture
def csrf(web: FlaskClient) -> str:
    """A token for the administrator's session."""
    return token_in(web.get("/jobs/new/echo").text)
