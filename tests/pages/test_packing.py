"""How pages and static files travel."""

from __future__ import annotations

import gzip
import re

from flask.testing import FlaskClient

from jobsapp.pages.assets import JOINED

OURS = {"Accept-Encoding": "gzip, br", "Sec-Fetch-Site": "same-origin"}


def test_a_page_is_packed_for_whoever_chose_its_address(web: FlaskClient) -> None:
    for site in ("same-origin", "none"):
        answer = web.get("/jobs", headers=OURS | {"Sec-Fetch-Site": site})
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "<h1>Jobs</h1>" in gzip.decompress(answer.data).decode()
        assert answer.content_length == len(answer.data)
        assert {"accept-encoding", "sec-fetch-site", "hx-request"} <= {name.lower() for name in answer.vary}


def test_a_page_that_another_site_asked_for_does_not_tell_by_its_length(web: FlaskClient) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {}):
        answer = web.get("/jobs?q=guess", headers={"Accept-Encoding": "gzip"} | headers)
        assert "Content-Encoding" not in answer.headers
        assert "<h1>Jobs</h1>" in answer.text


def test_who_cannot_unpack_gets_it_as_it_is(web: FlaskClient) -> None:
    for accepted in ("", "identity", "gzip;q=0, br"):
        answer = web.get("/jobs", headers=OURS | {"Accept-Encoding": accepted})
        assert "Content-Encoding" not in answer.headers
        with web.get("/static/app.css", headers={"Accept-Encoding": accepted}) as plain:
            assert "Content-Encoding" not in plain.headers
            assert plain.text.count("{") > 100


def test_static_files_are_packed_and_checked_by_their_content(web: FlaskClient) -> None:
    for path in ("app.css", "app.js", "icons.svg", "css/tokens.css"):
        with (
            web.get(f"/static/{path}", headers={"Accept-Encoding": "gzip"}) as packed,
            web.get(f"/static/{path}") as plain,
        ):
            assert gzip.decompress(packed.data) == plain.data
            assert packed.mimetype == plain.mimetype
            assert packed.headers["ETag"] != plain.headers["ETag"]
            assert "Accept-Encoding" in packed.vary
            again = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]}
        assert web.get(f"/static/{path}", headers=again).status_code == 304


def test_joined_files_are_all_of_their_parts(web: FlaskClient) -> None:
    for path, parts in JOINED.items():
        with web.get(f"/static/{path}") as joined:
            at = [joined.text.index(_read(web, part)) for part in parts]
            assert at == sorted(at)


def test_no_other_file_can_be_had(web: FlaskClient) -> None:
    for path in ("nothing.css", "../pages/assets.py", "..%2fpages%2fassets.css", "css", "css/.css"):
        assert web.get(f"/static/{path}").status_code == 404


def test_a_page_asks_for_few_files(web: FlaskClient) -> None:
    """Each is a round trip more on a line where six can be open at once."""
    for path in ("/jobs", "/queues", "/jobs/new", "/jobs/new/data-conversion", "/search", "/login"):
        assert len(set(re.findall(r'"(/static/[^"#]+)', web.get(path).text))) <= 6, path


def _read(web: FlaskClient, path: str) -> str:
    with web.get(f"/static/{path}") as answer:
        return answer.text
