"""The page of the audit log: words, filters in the address, pages, and who may see it."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.services import Services
from jobsapp.services.audit import AuditFilter, Subject
from tests.pages.conftest import SignIn, token_in

ROW = re.compile(r'<td role="cell" class="audit-did">(.*?)(?:<span|</td>)')


def did(page: str) -> list[str]:
    return ROW.findall(page)


def test_it_says_who_did_what_in_words(web: FlaskClient, services: Services, admin: Actor) -> None:
    services.queues.pause(admin, "echo", reason="<b>closed</b>")
    services.identity.create_token("admin@localhost", "ci")
    assert 'href="/audit"' in web.get("/jobs").text
    page = web.get("/audit").text
    assert did(page) == [
        "Made the token ci of admin@localhost with the scope admin",
        "Paused the queue echo",
        "Signed in with a one-time link",
    ]
    assert "Reason: &lt;b&gt;closed&lt;/b&gt;" in page
    assert "Command line" in page
    assert "127.0.0.1" in page


def test_it_is_for_administrators_and_ends_at_the_organisation(
    web: FlaskClient, sign_in: SignIn, member: Actor, stranger: Actor
) -> None:
    theirs = sign_in(member)
    assert theirs.get("/audit").status_code == 403
    assert 'href="/audit"' not in theirs.get("/jobs").text
    assert did(sign_in(stranger).get("/audit").text) == [
        "Signed in with a one-time link",
        "Invited stranger@elsewhere as admin",
    ]


def test_filters_stand_in_the_address(web: FlaskClient, services: Services, admin: Actor) -> None:
    services.queues.pause(admin, "echo")
    services.identity.create_token("admin@localhost", "ci")
    paused = ["Paused the queue echo"]
    assert did(web.get("/audit?action=queue-paused").text) == paused
    assert did(web.get("/audit?who=admin@localhost&action=queue-paused&when=last-hour").text) == paused
    assert len(did(web.get("/audit?who=command+line").text)) == 1
    assert did(web.get("/audit?before=2026-01-01T00:00:00").text) == []
    page = web.get("/audit?action=queue-paused&after=2026-01-01T00:00:00").text
    assert did(page) == paused
    assert '<option value="queue-paused" selected>Queue paused</option>' in page
    assert 'name="after" step="1" value="2026-01-01T00:00:00"' in page
    wrong = web.get("/audit?action=dancing&when=ever&after=soon&who=%00")
    assert (wrong.status_code, len(did(wrong.text))) == (200, 3)
    for label in ("Who", "What", "Time", "From"):
        assert f"<strong>{label}</strong>" in wrong.text


def test_pages(web: FlaskClient, services: Services, admin: Actor) -> None:
    for number in range(60):
        services.audit.note(admin, Action.QUEUE_PAUSED, Subject("queue", f"q{number:02}"))
    services.audit._session.commit()
    first = web.get("/audit?action=queue-paused").text
    older = re.search(r'href="(/audit\?[^"]+)" rel="next"', first)
    assert older is not None
    second = web.get(older[1].replace("&amp;", "&")).text
    assert did(first) + did(second) == [f"Paused the queue q{number:02}" for number in reversed(range(60))]
    assert 'href="/audit?action=queue-paused">' in second


def test_a_link_that_does_not_work_is_told(web: FlaskClient, client: FlaskClient) -> None:
    form = {"csrf_token": token_in(client.get("/login/wrong").text)}
    assert client.post("/login/wrong", data=form).status_code == 401
    page = web.get("/audit").text
    assert did(page)[0] == "Tried to sign in and was refused"
    assert "Nobody known" in page
    assert "wrong" not in page


def test_what_was_signed_out_everywhere_is_told_with_the_address(sign_in: SignIn, admin: Actor) -> None:
    sign_in(admin)
    leaving = sign_in(admin)
    form = {"csrf_token": token_in(leaving.get("/tokens").text)}
    assert leaving.post("/logout/everywhere", data=form).status_code == 303
    page = sign_in(admin).get("/audit").text
    assert did(page)[:2] == ["Signed in with a one-time link", "Signed admin@localhost out of all browsers"]
    assert "Browsers: 2" in page
    assert page.count('class="audit-from muted">127.0.0.1<') == 4


def test_who_signs_out_is_told(web: FlaskClient, services: Services, admin: Actor) -> None:
    assert web.post("/logout", data={"csrf_token": token_in(web.get("/jobs").text)}).status_code == 303
    newest = services.audit.page(admin, AuditFilter())[0][0]
    assert (newest.actor, newest.text, newest.address) == (admin.email, "signed out", "127.0.0.1")
