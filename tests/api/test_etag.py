"""Asking for a job again is cheap while nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import event

from jobsapp.extensions import db
from tests.api.conftest import Answer, Caller, Hand
from tests.api.problems import problem
from tests.api.test_jobs import FAILED


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements of the block."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield seen
    event.remove(db.engine, "before_cursor_execute", note)


def ask(caller: Caller, job_id: str, tag: str, **headers: str) -> Answer:
    return caller("GET", f"/api/jobs/{job_id}", headers={"If-None-Match": tag, **headers})


def test_what_did_not_change_is_not_sent_again(as_member: Caller) -> None:
    job_id = as_member.create()["id"]
    first = as_member("GET", f"/api/jobs/{job_id}")
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    assert first.headers["Cache-Control"] == "private, no-cache"
    for named in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        again = ask(as_member, job_id, named)
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    for named in ('"other"', "nonsense", ""):
        assert ask(as_member, job_id, named).status_code == 200


def test_it_costs_one_statement_and_no_view(as_member: Caller) -> None:
    job_id = as_member.create()["id"]
    tag = as_member("GET", f"/api/jobs/{job_id}").headers["ETag"]
    with statements() as seen:
        assert ask(as_member, job_id, tag).status_code == 304
    about_jobs = [one for one in seen if "jobs" in one]
    assert len(about_jobs) == 1, seen
    assert "jobs.data" not in about_jobs[0]


def test_every_change_gives_another_tag(as_member: Caller, hand: Hand) -> None:
    job_id = as_member.create()["id"]
    tags = [as_member("GET", f"/api/jobs/{job_id}").headers["ETag"]]

    def changed() -> None:
        answer = ask(as_member, job_id, tags[-1])
        assert answer.status_code == 200
        tags.append(answer.headers["ETag"])

    job = hand.claim()
    changed()
    hand.pulse(job, 1, 2, "half")
    changed()
    hand.finish(job, FAILED)
    changed()
    as_member("POST", f"/api/jobs/{job_id}/retry")
    changed()
    as_member("PATCH", f"/api/jobs/{job_id}/cancel")
    changed()
    assert len(set(tags)) == len(tags)


def test_a_new_artifact_gives_another_tag(as_member: Caller, hand: Hand) -> None:
    job_id = as_member.create()["id"]
    tag = as_member("GET", f"/api/jobs/{job_id}").headers["ETag"]
    hand.connection.execute(
        """INSERT INTO files (id, organization_id, job_id, attempt, name, size, media_type, sha256)
           SELECT %s, organization_id, id, 1, 'a.txt', 0, 'text/plain', '' FROM jobs WHERE id = %s""",
        (uuid4(), job_id),
    )
    assert ask(as_member, job_id, tag).get_json()["artifacts"][0]["name"] == "a.txt"


def test_who_sees_more_gets_another_tag(as_member: Caller, as_admin: Caller, hand: Hand) -> None:
    job_id = as_member.create()["id"]
    hand.finish(hand.claim(), FAILED)
    tag = as_member("GET", f"/api/jobs/{job_id}").headers["ETag"]
    assert "traceback" in ask(as_admin, job_id, tag).get_json()["error"]


def test_a_tag_opens_nothing(as_member: Caller, as_stranger: Caller, as_nobody: Caller) -> None:
    job_id = as_member.create()["id"]
    tag = as_member("GET", f"/api/jobs/{job_id}").headers["ETag"]
    for named in (tag, "*"):
        problem(ask(as_stranger, job_id, named), 404, "not-found")
        problem(ask(as_nobody, job_id, named), 401)


def test_a_head_tells_the_same_tag(as_member: Caller) -> None:
    path = f"/api/jobs/{as_member.create()['id']}"
    answer = as_member("HEAD", path)
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["ETag"] == as_member("GET", path).headers["ETag"]
