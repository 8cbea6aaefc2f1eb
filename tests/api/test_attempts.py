"""What became of each attempt of a job, and the files that it made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

from jobsapp.store.jobs import ClaimedJob
from tests.api.conftest import Caller, Hand
from tests.api.problems import fields, problem
from tests.api.test_jobs import COMPLETED, FAILED


def attempts(caller: Caller, job_id: str, query: str = "") -> tuple[list[dict[str, Any]], int | None]:
    page = caller("GET", f"/api/jobs/{job_id}/attempts{query}").get_json()
    return page["attempts"], page["nextAfter"]


def test_each_attempt_has_its_end(as_member: Caller, as_admin: Caller, hand: Hand) -> None:
    job_id = as_member.create(maxAttempts=1)["id"]
    assert attempts(as_member, job_id) == ([], None)
    hand.finish(hand.claim(), FAILED)
    as_member("POST", f"/api/jobs/{job_id}/retry")
    claimed: ClaimedJob = hand.claim()
    (first, second), more = attempts(as_member, job_id)
    assert more is None
    assert (first["number"], first["outcome"], first["worker"]) == (1, "failed", "tests")
    assert first["error"] == {"type": "ValueError", "message": "it broke", "traceback": None}
    assert datetime.fromisoformat(first["endedAt"]) >= datetime.fromisoformat(first["startedAt"])
    assert {"cpuSeconds", "peakBytes"} <= first.keys()
    assert (second["number"], second["outcome"], second["endedAt"]) == (2, None, None)
    assert attempts(as_admin, job_id)[0][0]["error"]["traceback"] == "Traceback: secret path"
    hand.finish(claimed, COMPLETED)
    (_, second), _ = attempts(as_member, job_id)
    assert (second["outcome"], second["error"]) == ("completed", None)
    assert second["endedAt"] == as_member.job(job_id)["completedAt"]


def test_they_come_in_pages(as_member: Caller, hand: Hand) -> None:
    job_id = as_member.create(maxAttempts=1)["id"]
    for _ in range(3):
        hand.finish(hand.claim(), FAILED)
        as_member("POST", f"/api/jobs/{job_id}/retry")
    hand.claim()
    numbers, after = [], 0
    while after is not None:
        page, after = attempts(as_member, job_id, f"?limit=2&after={after}")
        assert len(page) <= 2
        numbers += [one["number"] for one in page]
    assert numbers == [1, 2, 3, 4]
    assert fields(as_member("GET", f"/api/jobs/{job_id}/attempts?limit=0&after=-1")) == ["after", "limit"]


def test_artifacts_come_in_pages(as_member: Caller, drain: Callable[[str], int], hand: Hand) -> None:
    job_id = as_member.create("make-file")["id"]
    path = f"/api/jobs/{job_id}/artifacts"
    assert as_member("GET", path).get_json() == {"artifacts": [], "nextCursor": None}
    drain("make-file")
    assert as_member("GET", path).get_json()["artifacts"] == as_member.job(job_id)["artifacts"]
    hand.connection.execute(
        """INSERT INTO files (id, organization_id, job_id, attempt, name, size, media_type, sha256)
           SELECT 'ffffffff-ffff-7fff-bfff-ffffffffffff', organization_id, id, 1, 'last', 0, 'text/plain', ''
           FROM jobs WHERE id = %s""",
        (job_id,),
    )
    first = as_member("GET", f"{path}?limit=1").get_json()
    rest = as_member("GET", f"{path}?limit=1&cursor={first['nextCursor']}").get_json()
    assert [one["name"] for one in first["artifacts"] + rest["artifacts"]] == ["made.txt", "last"]
    assert rest["nextCursor"] is None
    problem(as_member("GET", f"/api/jobs/{uuid4()}/artifacts"), 404)


def test_one_type_and_one_queue(as_member: Caller) -> None:
    for kind, path in (("types", "/api/types"), ("queues", "/api/queues")):
        for one in as_member("GET", path).get_json()[kind]:
            assert as_member("GET", f"{path}/{one.get('type') or one['name']}").get_json() == one
    problem(as_member("GET", "/api/types/nothing"), 404, "not-found")
    problem(as_member("GET", "/api/queues/nothing"), 404, "not-found")
    assert "properties" in as_member("GET", "/api/types/data-conversion").get_json()["inputSchema"]
