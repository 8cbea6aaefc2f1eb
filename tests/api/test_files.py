"""Uploads stream in, downloads come back whole, in ranges, and never run in our origin."""

from __future__ import annotations

import hashlib
from io import BytesIO

import pytest
from flask_openapi3 import OpenAPI

from jobsapp.config import Settings
from jobsapp.services import Services
from tests.api.conftest import Caller
from tests.api.problems import fields, problem

CONTENT = b"id;name\n1;J\xc3\xbcrgen\n"


def upload(caller: Caller, name: str = "table.csv", content: bytes = CONTENT) -> dict[str, object]:
    answer = caller("POST", "/api/files", data={"file": (BytesIO(content), name)})
    assert answer.status_code == 201, answer.text
    file: dict[str, object] = answer.get_json()
    assert answer.headers["Location"] == f"/api/files/{file['id']}"
    return file


def test_an_upload_is_described(as_member: Caller) -> None:
    file = upload(as_member)
    assert file == {
        "id": file["id"],
        "name": "table.csv",
        "size": len(CONTENT),
        "mediaType": "text/csv",
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    assert as_member("GET", f"/api/files/{file['id']}").get_json() == file


def test_an_upload_is_in_storage_and_nowhere_else(as_member: Caller, settings: Settings) -> None:
    content = b"x" * 400_000
    file = upload(as_member, content=content)
    stored = [path for path in settings.files_dir.rglob("*") if path.is_file()]
    assert [path.name for path in stored] == [file["id"]]
    assert stored[0].read_bytes() == content


def test_a_download_is_an_attachment_with_its_name(as_member: Caller) -> None:
    file = upload(as_member, "Ünï tést.csv")
    answer = as_member("GET", f"/api/files/{file['id']}/content")
    assert answer.data == CONTENT
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert "filename*=UTF-8''%C3%9Cn%C3%AF%20t%C3%A9st.csv" in answer.headers["Content-Disposition"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "private" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/passwd", ".\x01./passwd"])
def test_a_name_is_never_a_path(as_member: Caller, name: str) -> None:
    assert upload(as_member, name)["name"] == "passwd"


def test_a_name_cannot_break_out_of_the_header(as_member: Caller) -> None:
    file = upload(as_member, 'a"; filename="b.exe')
    answer = as_member("GET", f"/api/files/{file['id']}/content")
    assert answer.headers["Content-Disposition"].count("attachment") == 1
    assert "\n" not in answer.headers["Content-Disposition"]


def test_ranges_and_etag(as_member: Caller) -> None:
    path = f"/api/files/{upload(as_member)['id']}/content"
    part = as_member("GET", path, headers={"Range": "bytes=3-6"})
    assert (part.status_code, part.data) == (206, CONTENT[3:7])
    etag = part.headers["ETag"]
    assert as_member("GET", path, headers={"If-None-Match": etag}).status_code == 304
    problem(as_member("GET", path, headers={"Range": "bytes=9999-"}), 416)


def test_what_is_not_a_file_is_refused(as_member: Caller) -> None:
    assert fields(as_member("POST", "/api/files", data={"file": "text"}, content_type="multipart/form-data")) == [
        "file"
    ]
    assert fields(as_member("POST", "/api/files", data={"other": (BytesIO(b"x"), "x")})) == ["file", "other"]
    assert fields(as_member("POST", "/api/files", data={"file": (BytesIO(b""), "")})) == ["file"]


def test_an_empty_file_is_a_file(as_member: Caller) -> None:
    assert upload(as_member, content=b"")["size"] == 0


def test_bytes_that_are_gone(as_member: Caller, services: Services, settings: Settings) -> None:
    file = upload(as_member)
    for path in settings.files_dir.rglob(str(file["id"])):
        path.unlink()
    problem(as_member("GET", f"/api/files/{file['id']}/content"), 404)


@pytest.mark.parametrize(
    ("name", "claimed", "content", "kept"),
    [
        ("photo.png", "image/png", b"<html><script>alert(1)</script>", "text/html"),
        ("rows.csv", "image/png", b"a,b\n", "text/csv"),
        ("rows.csv", "text/csv", b"\x89PNG\r\n\x1a\n....", "image/png"),
    ],
)
def test_the_media_type_is_told_by_the_content_and_it_is_no_page_in_any_case(
    as_member: Caller, name: str, claimed: str, content: bytes, kept: str
) -> None:
    answer = as_member("POST", "/api/files", data={"file": (BytesIO(content), name, claimed)})
    file = answer.get_json()
    assert file["mediaType"] == kept
    download = as_member("GET", f"/api/files/{file['id']}/content")
    assert download.headers["Content-Disposition"].startswith("attachment;")
    assert download.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'self'" in download.headers["Content-Security-Policy"]


def test_a_file_that_is_too_large_leaves_nothing(app: OpenAPI, as_member: Caller, settings: Settings) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 2_000
    problem(as_member("POST", "/api/files", data={"file": (BytesIO(b"x" * 3_000), "a.txt")}), 413)
    assert [path for path in settings.files_dir.rglob("*") if path.is_file()] == []
