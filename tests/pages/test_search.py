"""The search's page: nothing asked, nothing found, results with their sources."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from tests.pages.conftest import SignIn
from tests.services.documents import read


def test_nothing_asked_nothing_found_nothing_to_look_for(web: FlaskClient) -> None:
    assert "Ask your documents" in web.get("/search").text
    assert "Nothing fits" in web.get("/search?q=salt").text
    refused = web.get("/search?q=%3F")
    assert refused.status_code == 422
    assert "The question must have a word to look for." in refused.text


def test_results_link_to_their_sources(
    web: FlaskClient, services: Services, admin: Actor, drain: Callable[[str], int], stranger: Actor, sign_in: SignIn
) -> None:
    text = "# Prices & more\n\nSalt <b>costs</b> two crowns. <script>alert(1)</script>\n"
    job_id = read(services, drain, admin, "prices.txt", text)
    page = web.get("/search?q=salts+cost").text
    assert "<mark>Salt</mark> &lt;b&gt;<mark>costs</mark>&lt;/b&gt;" in page
    assert "<script>alert" not in page
    assert f'href="/jobs/{job_id}"' in page
    download = re.findall(r'href="(/api/files/[^"]+)" download', page)
    with web.get(download[0]) as answer:
        assert answer.text == text
    assert "Only in" in web.get(f"/search?q=salt&job={job_id}").text
    other = sign_in(stranger).get(f"/search?q=salt&job={job_id}").text
    assert "Nothing fits" in other
    assert "prices.txt" not in other


def test_nothing_is_inline(web: FlaskClient, services: Services, admin: Actor, drain: Callable[[str], int]) -> None:
    read(services, drain, admin, "prices.txt", "Salt")
    with web.get("/static/icons.svg") as answer:
        known = set(re.findall(r'<symbol id="([a-z]+)"', answer.text))
    for path in ("/search", "/search?q=salt", "/search?q=sugar"):
        page = web.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", page)
        assert set(re.findall(r'icons\.svg[^"#]*#([a-z]+)', page)) <= known
