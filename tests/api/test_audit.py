"""The audit log: what is written into it, who reads it, and that it stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from flask_openapi3 import OpenAPI
from psycopg.errors import RestrictViolation
from sqlalchemy import event

from jobsapp.core.actors import Actor
from jobsapp.core.audit import SENTENCES, Action
from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.extensions import db
from jobsapp.services import Services
from jobsapp.services.audit import WINDOW, AuditFilter
from tests.api.conftest import Caller, Hand
from tests.api.problems import fields, problem

MADE = "made the token tests of admin@localhost with the scope admin"
DONE = Transition(Status.COMPLETED, "completed", result={})


def log(caller: Caller, query: str = "") -> list[dict[str, Any]]:
    answer = caller("GET", f"/api/audit{query}")
    assert answer.status_code == 200, answer.text
    events: list[dict[str, Any]] = answer.get_json()["events"]
    return events


def last(caller: Caller, number: int = 1) -> list[str]:
    """What the newest entries say, oldest of them first."""
    return [one["text"] for one in reversed(log(caller)[:number])]


def test_each_action_has_words() -> None:
    assert set(SENTENCES) == set(Action)


def test_an_entry_tells_who_what_and_from_where(as_admin: Caller, admin: Actor, services: Services) -> None:
    at = {"REMOTE_ADDR": "2001:db8::9"}
    as_admin("POST", "/api/queues/echo/pause", json={"reason": "the bank is closed"}, environ_overrides=at)
    (entry, made) = log(as_admin)
    token = made["subject"]["id"]
    del entry["id"], entry["at"]
    assert entry == {
        "actor": "admin@localhost",
        "userId": str(admin.user_id),
        "tokenId": token,
        "tokenName": "tests",
        "address": "2001:db8::9",
        "action": "queue-paused",
        "text": "paused the queue echo",
        "subject": {"type": "queue", "id": "echo", "name": "echo"},
        "details": {"reason": "the bank is closed"},
    }
    assert (made["actor"], made["text"]) == (
        "command line",
        MADE,
    )


def test_what_operators_do(as_admin: Caller) -> None:
    for _ in range(2):
        as_admin("POST", "/api/queues/echo/pause")
        as_admin("POST", "/api/queues/echo/resume")
    as_admin("POST", "/api/queues/echo/resume")
    as_admin("PUT", "/api/limits/type/echo", json={"maxActive": 2})
    as_admin("DELETE", "/api/limits/type/echo")
    problem(as_admin("DELETE", "/api/limits/type/echo"), 404)
    assert last(as_admin, 7) == [
        MADE,
        *["paused the queue echo", "resumed the queue echo"] * 2,
        "set a limit of the type echo",
        "removed the limit of the type echo",
    ]
    assert log(as_admin)[1]["details"] == {"scope": "type", "maxActive": 2}


def test_what_is_done_to_jobs_of_others(as_admin: Caller, as_member: Caller, hand: Hand) -> None:
    theirs = [as_member.create(name=f"Letter {number}")["id"] for number in range(3)]
    own = as_admin.create(name="Own")["id"]
    before = len(log(as_admin))
    # One's own are told by the job itself.
    as_admin("PATCH", f"/api/jobs/{own}/cancel")
    as_member("PATCH", f"/api/jobs/{theirs[2]}/cancel")
    assert len(log(as_admin)) == before
    as_admin("PATCH", f"/api/jobs/{theirs[0]}/cancel", json={"reason": "sent by hand"})
    as_admin("POST", f"/api/jobs/{theirs[0]}/retry")
    job = hand.claim()
    hand.finish(job, DONE)
    as_admin("DELETE", f"/api/jobs/{job.id}")
    assert last(as_admin, 3) == [
        "cancelled the job Letter 0 of member@localhost",
        "retried the job Letter 0 of member@localhost",
        "deleted the job Letter 1 of member@localhost",
    ]
    cancelled = log(as_admin)[2]
    assert cancelled["details"] == {"owner": "member@localhost", "reason": "sent by hand"}
    assert cancelled["subject"] == {"type": "job", "id": theirs[0], "name": "Letter 0"}
    problem(as_admin("PATCH", f"/api/jobs/{own}/cancel"), 409)
    assert len(log(as_admin)) == before + 3


def test_changes_of_many_with_their_numbers(as_admin: Caller, as_member: Caller) -> None:
    ids = [as_member.create()["id"] for _ in range(3)]
    as_admin("POST", "/api/jobs/bulk/cancel", json={"filter": {"type": "echo"}, "dryRun": True})
    as_admin("POST", "/api/jobs/bulk/cancel", json={"filter": {"type": "echo"}, "reason": "enough"})
    as_admin("POST", "/api/jobs/bulk/retry", json={"ids": ids[:1]})
    as_admin("POST", "/api/jobs/bulk/cancel", json={"ids": ids[:1]})
    as_admin("POST", "/api/jobs/bulk/delete", json={"filter": {}})
    # Nothing is left, so nothing is told.
    as_admin("POST", "/api/jobs/bulk/delete", json={"filter": {}})
    texts = ["cancelled 3 jobs at once", "retried 1 job at once", "cancelled 1 job at once", "deleted 3 jobs at once"]
    assert last(as_admin, 4) == texts
    assert [one["details"].get("matching") for one in log(as_admin)[:4]] == ["all", None, None, {"type": "echo"}]


def test_a_cleanup_with_its_number(as_admin: Caller, hand: Hand) -> None:
    for _ in range(2):
        as_admin.create()
        job = hand.claim()
        hand.finish(job, DONE)
        hand.age(job.id, 40)
    assert as_admin("DELETE", "/api/jobs/cleanup?days=30").get_json() == {"deleted": 2}
    assert last(as_admin, 2) == [
        "began to delete jobs that ended more than 30 days ago",
        "deleted 2 jobs that ended more than 30 days ago",
    ]


def test_tokens_and_links_without_their_texts(as_admin: Caller, connection: psycopg.Connection[Any]) -> None:
    job_id = as_admin.create(name="Report")["id"]
    share = as_admin("POST", f"/api/jobs/{job_id}/tokens", json={"kind": "share"}).get_json()
    as_admin("POST", f"/api/jobs/{job_id}/tokens", json={"kind": "embed"})
    as_admin("DELETE", f"/api/jobs/{job_id}/tokens/{share['id']}")
    new = as_admin("POST", "/api/tokens", json={"name": "ci", "expiresInDays": 1}).get_json()
    as_admin("DELETE", f"/api/tokens/{new['id']}")
    assert last(as_admin, 4) == [
        "shared the job Report by a link",
        "revoked a link to the job Report",
        "made the token ci of admin@localhost with the scope jobs",
        "revoked the token ci of admin@localhost",
    ]
    (kept,) = connection.execute("SELECT string_agg(e::text, ' ') FROM audit_events AS e").fetchone() or ("",)
    for secret in (share["token"], new["token"], as_admin.token):
        assert secret[-20:] not in kept


def test_it_is_narrowed_and_read_in_pages(as_admin: Caller, as_member: Caller) -> None:
    for queue in ("echo", "steps", "fail"):
        as_admin("POST", f"/api/queues/{queue}/pause")
    as_member("POST", "/api/tokens", json={"name": "theirs"})
    first = as_admin("GET", "/api/audit?action=queue-paused&limit=2").get_json()
    second = as_admin("GET", f"/api/audit?action=queue-paused&limit=2&cursor={first['nextCursor']}").get_json()
    assert [one["subject"]["name"] for one in first["events"] + second["events"]] == ["fail", "steps", "echo"]
    assert second["nextCursor"] is None
    assert [one["text"] for one in log(as_admin, "?who=MEMBER@localhost")] == [
        "made the token theirs of member@localhost with the scope jobs"
    ]
    assert {one["action"] for one in log(as_admin, "?who=command+line")} == {"member-invited", "token-created"}
    assert log(as_admin, "?before=2026-01-01T00:00:00Z") == []
    assert len(log(as_admin, "?after=2026-01-01T00:00:00Z")) == 7
    for query, field in (("action=dancing", "action"), ("after=soon", "after"), ("colour=red", "colour")):
        assert fields(as_admin("GET", f"/api/audit?{query}")) == [field]


def test_administrators_alone_and_their_own_organisation(
    as_admin: Caller, as_member: Caller, as_stranger: Caller
) -> None:
    problem(as_member("GET", "/api/audit"), 403, "forbidden")
    as_admin("POST", "/api/queues/echo/pause")
    assert [one["text"] for one in log(as_stranger)] == [
        "made the token tests of stranger@elsewhere with the scope admin",
        "invited stranger@elsewhere as admin",
    ]


def test_it_is_written_with_the_change_or_not_at_all(as_admin: Caller, services: Services, admin: Actor) -> None:
    before = len(log(as_admin))

    def break_down(*_: Any) -> None:
        raise ConnectionError

    event.listen(db.session(), "before_commit", break_down)
    with pytest.raises(ConnectionError):
        services.queues.pause(admin, "echo")
    event.remove(db.session(), "before_commit", break_down)
    db.session.rollback()
    assert len(log(as_admin)) == before
    assert all(one.paused is None for one in services.queues.all(admin))


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_events SET actor = 'x'", "DELETE FROM audit_events", "TRUNCATE audit_events"]
)
def test_entries_stay(as_admin: Caller, connection: psycopg.Connection[Any], statement: str) -> None:
    with pytest.raises(RestrictViolation, match="audit_events only grows"):
        connection.execute(statement)  # type: ignore[call-overload]
    assert log(as_admin)[0]["actor"] == "command line"


def test_retention_alone_takes_old_entries_away(as_admin: Caller, services: Services, admin: Actor) -> None:
    as_admin("POST", "/api/queues/echo/pause")
    assert services.audit.forget(days=1) == 0
    assert services.audit.forget(days=0) == 2
    (entry,) = log(as_admin)
    assert (entry["actor"], entry["text"]) == (
        "command line",
        "deleted 2 entries of this log, more than 0 days old",
    )


def test_a_page_looks_at_so_many_entries_and_no_more(
    services: Services, admin: Actor, stranger: Actor, connection: psycopg.Connection[Any]
) -> None:
    """Whatever the table holds: of an organisation, and of others."""
    rows = """INSERT INTO audit_events (id, organization_id, actor, action, details)
        SELECT gen_random_uuid(), %s, 'x@y', 'signed-in', '{}' FROM generate_series(1, %s)"""
    connection.execute(rows, [admin.organization_id, WINDOW + 1])
    connection.execute(rows, [stranger.organization_id, WINDOW])
    found, older = services.audit.page(admin, AuditFilter(actor="nobody"))
    assert (found, older is None) == ([], False)
    assert services.audit.page(admin, AuditFilter(actor="nobody"), before=older) == ([], None)
    _, older = services.audit.page(stranger, AuditFilter(), limit=10)
    assert older is not None
    connection.execute("ANALYZE audit_events")
    with db.engine.connect() as own:
        plan: list[str] = []

        def explain(_: Any, __: Any, statement: str, parameters: Any, *more: Any) -> None:
            if "FROM (SELECT" in statement and not plan:
                cursor = own.connection.cursor()
                cursor.execute("SET enable_bitmapscan = off")
                cursor.execute("EXPLAIN " + statement, parameters)
                plan.extend(line for (line,) in cursor.fetchall())

        event.listen(db.engine, "before_cursor_execute", explain)
        services.audit.page(admin, AuditFilter(action="cleanup"))
        event.remove(db.engine, "before_cursor_execute", explain)
    assert any("audit_events_of_organization" in line for line in plan), plan
    assert not any("Sort" in line or "Seq Scan" in line for line in plan), plan


def test_signing_in_and_out(app: OpenAPI, services: Services, admin: Actor, as_admin: Caller) -> None:
    services.logins.start(admin)
    services.logins.end_all(admin.user_id, by=admin)
    services.logins.end_all(admin.user_id)
    assert last(as_admin, 3) == ["signed in", *["signed admin@localhost out of all browsers"] * 2]
    assert [one["actor"] for one in log(as_admin)[:2]] == ["command line", "admin@localhost"]


def test_a_refused_sign_in(services: Services, as_admin: Caller, as_stranger: Caller) -> None:
    refused: Callable[..., None] = services.audit.refused_sign_in
    for _ in range(3):
        refused("admin@localhost", "203.0.113.7")
        refused(" Admin@localhost", "203.0.113.7")
        refused("my password by mistake", "203.0.113.7")
        refused("stranger@elsewhere", "203.0.113.7")
    refused("", "203.0.113.8")
    refused("\0", "203.0.113.9")
    entries = log(as_admin, "?action=sign-in-failed")
    assert [(one["actor"], one["subject"] and one["subject"]["name"], one["address"]) for one in entries] == [
        ("nobody", None, "203.0.113.9"),
        ("nobody", None, "203.0.113.8"),
        ("nobody", None, "203.0.113.7"),
        ("nobody", "admin@localhost", "203.0.113.7"),
    ]
    assert "mistake" not in str(entries)
    assert not any(one["details"] for one in entries)
    (entry,) = log(as_stranger, "?action=sign-in-failed")
    assert entry["subject"]["name"] == "stranger@elsewhere"
