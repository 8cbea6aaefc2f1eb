"""Rules set, changed and removed on the page of retention; what it says of prunings and archives."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.runtime.house import House
from jobsapp.runtime.pruner import Pruner
from jobsapp.services import Services
from tests.pages.conftest import SignIn, token_in
from tests.services.old_jobs import insert_finished

RULE = "/retention/rule"


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_a_rule_is_added_changed_and_removed(web: FlaskClient, services: Services, admin: Actor) -> None:
    assert "Everything is kept" in web.get("/retention").text
    page = web.get(RULE).text
    sent = {"csrf_token": token_in(page), "scope": "jobs", "type": "echo", "status": "failed", "days": "45"}
    answer = web.post(RULE, data={**sent, "archive": "jsonl"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/retention")
    shown = words(web.get("/retention").text)
    assert "Jobs of the type “Echo” that failed Deleted after 45 days, archived as JSONL before set just now" in shown
    assert "Nothing is due now." in shown

    page = web.get(f"{RULE}?scope=jobs&type=echo&status=failed").text
    assert "Change a rule" in page
    assert re.search(r'id="days"[^>]* value="45"', page)
    assert '<option value="jsonl" selected>' in page
    assert web.post(RULE, data={**sent, "days": ""}).status_code == 303
    assert "Jobs of the type “Echo” that failed Kept for ever" in words(web.get("/retention").text)

    assert web.get(f"{RULE}/remove").headers["Location"] == "/retention"
    assert web.post(f"{RULE}/remove", data=sent).status_code == 303
    assert services.retention.rules(admin) == []
    assert web.post(f"{RULE}/remove", data=sent).status_code == 404


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"days": "ten"}, "days", "Must be a whole number, such as 30; empty for ever."),
        ({"days": "0"}, "days", "Must be from 1 to 36,500."),
        ({"archive": "jsonl"}, "archive", "Goes with a number of days"),
        ({"scope": "uploads", "type": "echo", "days": "5"}, "type", "Is for jobs; leave it out for uploads."),
    ],
)
def test_what_is_wrong_stands_beside_the_field(web: FlaskClient, typed: Any, field: str, sentence: str) -> None:
    answer = web.post(RULE, data={"csrf_token": token_in(web.get(RULE).text), **typed})
    assert answer.status_code == 422
    assert f'<p class="field-error" id="{field}-error">{sentence}' in answer.text
    assert f'aria-describedby="{field}-help {field}-error"' in answer.text


def test_what_was_deleted_and_archived(
    web: FlaskClient, services: Services, house: House, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    token = token_in(web.get(RULE).text)
    web.post(RULE, data={"csrf_token": token, "days": "30", "archive": "jsonl"})
    insert_finished(connection, admin.organization_id, 3, days=40)
    assert "The next pruning deletes 3 jobs." in words(web.get("/retention").text)
    Pruner(house).prune()
    page = web.get("/retention").text
    assert re.search(r"All jobs 3 in 1 archive ", words(page))
    link = re.search(r'href="(/api/archives/[^"]+)" download', page)
    assert link is not None
    assert web.get(link[1], buffered=True).data[:2] == b"\x1f\x8b"


def test_nobody_else_sees_it(sign_in: SignIn, services: Services, admin: Actor, member: Actor) -> None:
    browser = sign_in(member)
    for path in ("/retention", RULE):
        assert browser.get(path).status_code == 403
    assert 'href="/retention"' not in browser.get("/jobs").text
    assert 'href="/retention"' in sign_in(admin).get("/jobs").text
