"""What holds for every page: headers, errors, static files."""

from __future__ import annotations

import re

from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from jobsapp.errors import Unavailable
from jobsapp.pages.errors import told


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(web: FlaskClient) -> None:
    for path in ("/jobs", "/dashboard", "/queues", "/jobs/new", "/jobs/new/data-conversion", "/no/such/page"):
        page = web.get(path)
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", page.text)
        assert not re.search(r'(?:href|src|action)="(?:https?:)?//', page.text)


def test_static_files_may_be_kept_for_ever(web: FlaskClient) -> None:
    for address in re.findall(r'"(/static/[^"#]+)', web.get("/jobs").text):
        with web.get(address) as answer:
            assert answer.status_code == 200, address
            assert "immutable" in answer.headers["Cache-Control"]


def test_every_icon_that_is_named_exists(web: FlaskClient) -> None:
    with web.get("/static/icons.svg") as answer:
        known = set(re.findall(r'<symbol id="([a-z]+)"', answer.text))
    for path in ("/jobs", "/dashboard", "/queues", "/jobs/new", "/jobs/new/data-conversion", "/login"):
        assert set(re.findall(r'icons\.svg[^"#]*#([a-z]+)', web.get(path).text)) <= known


def test_errors_are_pages_for_people(web: FlaskClient) -> None:
    missing = web.get("/jobs/not-an-id")
    assert missing.status_code == 404
    assert "There is no such page" in missing.text
    assert web.post("/jobs").status_code == 405


def test_an_unforeseen_error_gives_nothing_away(app: OpenAPI, web: FlaskClient) -> None:
    def broken() -> str:
        raise RuntimeError("the insides")

    app.view_functions["jobs.home"] = broken
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.testing = False
    answer = web.get("/")
    assert answer.status_code == 500
    assert "went wrong on our side" in answer.text
    assert "insides" not in answer.text


def test_our_errors_say_what_they_say() -> None:
    what = told(Unavailable("PostgreSQL is away."))
    assert (what.status, what.detail) == (503, "PostgreSQL is away.")
