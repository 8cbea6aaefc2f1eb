"""The same narrow headers on every answer, and nothing inline on any page: one walk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from jobsapp.auth.headers import HEADERS
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.wiring import build_app

WORDS = {"type": "echo", "type_name": "echo", "scope": "organization", "filename": "favicon.svg", "name": "echo"}
# What pages of other sites may read with a token for one job says so itself: tests/api/test_job_tokens.py. An address
# with a secret in it is told to nobody.
OTHERWISE = {("Cross-Origin-Resource-Policy", "cross-origin"), ("Referrer-Policy", "no-referrer")}


class Inline(HTMLParser):
    """Finds what a strict policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        self._open = tag if tag in ("script", "style") and "src" not in names else ""
        if self._open and (names.get("type") or "").endswith("json"):
            self._open = ""
        self.found += [f"<{tag} {name}>" for name in names if name == "style" or re.fullmatch("on[a-z]+", name)]
        self.found += [f"<{tag}> to {text}" for text in names.values() if (text or "").startswith("javascript:")]

    def handle_data(self, data: str) -> None:
        if self._open and data.strip():
            self.found.append(f"<{self._open}> {data.strip()[:60]}")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""


def addresses(app: OpenAPI, job_id: str) -> Iterator[str]:
    """One of each route that is asked by GET."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or set()) or rule.websocket or rule.rule.startswith(("/ws", "/live")):
            continue
        # Ids of what is not there give the pages of errors, which are pages as well.
        ids = {name: job_id if name in ("job_id", "id") else uuid4() for name in rule.arguments}
        yield adapter.build(rule.endpoint, ids | {name: WORDS[name] for name in rule.arguments & WORDS.keys()})


def test_every_answer_has_them_and_no_page_has_anything_inline(
    app: OpenAPI, web: FlaskClient, services: Services, admin: Actor
) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {"text": "<script>alert(1)</script>"}))
    pages = 0
    for address in [*addresses(app, str(job.id)), "/jobs/new/data-conversion", "/nothing", "/api/nothing"]:
        if "logout" in address:
            continue
        answer = web.get(address)
        wrong = {
            (name, answer.headers.get(name)) for name, value in HEADERS.items() if answer.headers.get(name) != value
        }
        assert wrong <= OTHERWISE, (address, wrong)
        assert "Strict-Transport-Security" not in answer.headers
        if answer.mimetype == "text/html":
            pages += 1
            inline = Inline()
            inline.feed(answer.text)
            assert inline.found == [], address
    assert pages > 15


def test_the_policy_allows_nothing_inline() -> None:
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert "camera=()" in HEADERS["Permissions-Policy"]


@pytest.mark.parametrize(("address", "said"), [("https://jobs.example.org", True), ("http://jobs.example.org", False)])
def test_browsers_stay_with_https(settings: Settings, address: str, said: bool) -> None:
    app = build_app(settings.model_copy(update={"public_url": address}))
    assert ("Strict-Transport-Security" in app.test_client().get("/healthz").headers) is said
