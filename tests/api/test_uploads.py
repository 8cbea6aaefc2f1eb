"""One's own uploads: found page by page, and deleted unless a job reads them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobsapp.config import Settings
from jobsapp.services import uploads
from tests.api.conftest import Caller
from tests.api.problems import problem
from tests.api.test_files import upload


def listed(caller: Caller, limit: int = 50) -> list[str]:
    names, cursor = [], ""
    while cursor is not None:
        page = caller("GET", f"/api/files?limit={limit}&cursor={cursor}").get_json()
        assert len(page["files"]) <= limit
        names += [file["name"] for file in page["files"]]
        cursor = page["nextCursor"]
    return names


def test_only_ones_own_uploads_are_listed_newest_first(
    as_member: Caller, as_admin: Caller, as_stranger: Caller, drain: Callable[[str], int]
) -> None:
    for number in range(5):
        upload(as_member, f"{number}.csv")
        upload(as_admin, "other.csv")
    as_member.create("make-file")
    drain("make-file")
    for limit in (1, 2, 5, 50):
        assert listed(as_member, limit) == [f"{number}.csv" for number in reversed(range(5))]
    assert listed(as_stranger) == []
    page = as_member("GET", "/api/files?limit=1").get_json()
    assert page["files"][0] == upload_view(as_member, page["files"][0]["id"]) | {
        "createdAt": page["files"][0]["createdAt"]
    }


def upload_view(caller: Caller, file_id: str) -> dict[str, object]:
    found: dict[str, object] = caller("GET", f"/api/files/{file_id}").get_json()
    return found


def test_a_page_looks_at_so_many_files_and_no_more(
    as_member: Caller, as_admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "LOOKED_AT", 2)
    upload(as_member, "mine.csv")
    for _ in range(4):
        upload(as_admin, "other.csv")
    first = as_member("GET", "/api/files").get_json()
    assert (first["files"], first["nextCursor"] is None) == ([], False)
    assert listed(as_member) == ["mine.csv"]


def test_an_upload_is_deleted_with_its_bytes(as_member: Caller, settings: Settings) -> None:
    file = upload(as_member)
    assert as_member("DELETE", f"/api/files/{file['id']}").status_code == 204
    assert [path for path in settings.files_dir.rglob("*") if path.is_file()] == []
    problem(as_member("DELETE", f"/api/files/{file['id']}"), 404, "not-found")
    assert listed(as_member) == []


def test_what_a_job_reads_stays(as_admin: Caller) -> None:
    file = upload(as_admin)
    job_id = as_admin.create("make-file", {"source": file["id"]})["id"]
    problem(as_admin("DELETE", f"/api/files/{file['id']}"), 409, "conflict")
    assert as_admin("GET", f"/api/files/{file['id']}/content").status_code == 200
    as_admin("PATCH", f"/api/jobs/{job_id}/cancel")
    problem(as_admin("DELETE", f"/api/files/{file['id']}"), 409, "conflict")


def test_what_a_job_made_goes_with_the_job(as_member: Caller, drain: Callable[[str], int]) -> None:
    job_id = as_member.create("make-file")["id"]
    drain("make-file")
    made = as_member.job(job_id)["artifacts"][0]
    problem(as_member("DELETE", f"/api/files/{made['id']}"), 409, "conflict")
    assert as_member("GET", made["downloadUrl"]).status_code == 200


def test_members_delete_their_own_only(as_member: Caller, as_admin: Caller) -> None:
    theirs, mine = upload(as_admin), upload(as_member)
    assert "operator" in problem(as_member("DELETE", f"/api/files/{theirs['id']}"), 403, "forbidden")["detail"]
    assert as_admin("DELETE", f"/api/files/{mine['id']}").status_code == 204
