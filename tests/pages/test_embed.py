"""The script for pages of other sites: where it is, what it weighs, what the documents say of it."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from flask.testing import FlaskClient

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "embedding"
DOCUMENT = (ROOT / "docs" / "embedding.md").read_text()
LIMIT_BYTES = 8 * 1024


def test_every_origin_may_load_and_check_it(client: FlaskClient) -> None:
    answer = client.get("/embed.js", headers={"Origin": "https://shop.example"})
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    again = client.get("/embed.js", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""


def test_it_is_a_few_kilobytes(client: FlaskClient) -> None:
    packed = client.get("/embed.js", headers={"Accept-Encoding": "gzip"})
    plain = client.get("/embed.js")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert len(packed.data) < LIMIT_BYTES


def test_it_needs_no_unsafe_policy(client: FlaskClient) -> None:
    """No markup that is parsed, no style that is inline, nothing that is evaluated."""
    text = client.get("/embed.js").text
    assert not re.search(
        r"innerHTML|insertAdjacentHTML|outerHTML|document\.write|\beval\b|new Function|<style|cssText", text
    )
    assert "https://" not in text


def test_it_leaves_our_own_name_alone(client: FlaskClient) -> None:
    """Our pages keep things of theirs in `window.jobsapp`."""
    assert "window.jobsapp" not in client.get("/embed.js").text


def test_the_document_shows_the_example_as_it_is() -> None:
    for path in ("app.py", "templates/show.html", "static/page.js", "static/page.css"):
        assert (EXAMPLE / path).read_text().strip() in DOCUMENT, path


def test_every_variable_part_and_event_is_documented(client: FlaskClient) -> None:
    text = client.get("/embed.js").text
    variables = set(re.findall(r"var\((--job-[a-z-]+)", text))
    assert variables == set(re.findall(r"`(--job-[a-z-]+)`", DOCUMENT))
    parts = re.search(r'const PARTS = "([^"]+)"', text)
    assert parts is not None
    for part in [*parts[1].split(), "dialog", "close"]:
        assert f"`{part}`" in DOCUMENT, part
    for event in ("job-update", "job-completed", "job-failed", "job-cancelled", "job-error"):
        assert f"`{event}`" in DOCUMENT
