"""What people and commands do to accounts, organisations and rules stands in the audit log, with who did it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

from jobsapp.bus import connection as redis_connection
from jobsapp.bus.hints import Hints
from jobsapp.cli.identity import login_link
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.audit import COMMAND_LINE, Action
from jobsapp.extensions import db
from jobsapp.services import Services
from jobsapp.services.audit import AuditFilter
from jobsapp.services.batches import NewBatch
from jobsapp.services.federation import Federation, Person
from jobsapp.services.jobs import NewJob
from jobsapp.services.presets import NewPreset
from jobsapp.services.retention import NewRule
from jobsapp.services.sessions import DbSession
from tests.processes import ROOT

Deed = Callable[[Services, Actor, Actor], object]

PASSWORD = "a long enough phrase for a test"
PERSON = Person("https://provider.example", "one", "member@localhost", email_verified=True)


def _unlink(services: Services, _: Actor, member: Actor) -> None:
    services.federation.sign_in(PERSON)
    services.federation.unlink(member, services.federation.of_user(member)[0].id)


def _end_browser(services: Services, _: Actor, member: Actor) -> None:
    services.logins.start(member)
    services.browsers.end(member, services.browsers.of_user(member)[0].id)


def _forget_rule(services: Services, admin: Actor, _: Actor) -> None:
    services.retention.set_rule(admin, NewRule(30, status="failed"))
    services.retention.remove_rule(admin, scope="jobs", status="failed")


def _sign_out(services: Services, _: Actor, member: Actor) -> None:
    services.logins.end(services.logins.start(member), told=True, address="203.0.113.7")


def _delete_upload(services: Services, admin: Actor, member: Actor) -> None:
    for owner in (member, admin):
        receiver = services.files.receiver()
        receiver.write(b"abc")
        services.uploads.delete(admin, services.files.register(owner, receiver, "in.txt").id)


def _delete_preset(services: Services, admin: Actor, member: Actor) -> None:
    for owner in (member, admin):
        kept = services.presets.save(owner, "echo", NewPreset("Ours", {"text": "a"}, shared=True))
        services.presets.delete(admin, "echo", kept.id)


def _cancel_batches(services: Services, admin: Actor, member: Actor) -> None:
    for owner in (member, admin):
        made = services.batches.create(owner, NewBatch("Letters", closed=False))
        services.batch_changes.cancel(admin, made.id)


def _retry_batch(services: Services, admin: Actor, member: Actor) -> None:
    made = services.batches.create(member, NewBatch("Letters"), [NewJob("echo", {})])
    services.batch_changes.cancel(member, made.id)
    services.batch_changes.retry(admin, made.id, cancelled=True)


DEEDS: dict[Action, tuple[str, str, Deed]] = {
    Action.SIGNED_IN: ("member", "signed in with a password", lambda s, a, m: s.logins.start(m, by="password")),
    Action.SIGNED_OUT: ("member", "signed out", _sign_out),
    Action.UPLOAD_DELETED: ("admin", "deleted the file in.txt of member@localhost", _delete_upload),
    Action.PRESET_DELETED: ("admin", "deleted the preset Ours of member@localhost", _delete_preset),
    Action.BATCH_CANCELLED: ("admin", "cancelled the batch Letters of member@localhost", _cancel_batches),
    Action.BATCH_RETRIED: ("admin", "retried what failed of the batch Letters of member@localhost", _retry_batch),
    Action.PASSWORD_SET: (
        "member",
        "set a new password for member@localhost",
        lambda s, a, m: s.passwords.change(m, old="", new=PASSWORD, address=""),
    ),
    Action.LOGIN_LINK_MADE: (
        "admin",
        "made a login link for member@localhost",
        lambda s, a, m: s.members.login_secret(a, m.user_id),
    ),
    Action.IDENTITY_ADDED: (
        "member",
        "signed in at https://provider.example for the first time",
        lambda s, a, m: s.federation.sign_in(PERSON),
    ),
    Action.IDENTITY_REMOVED: (
        "member",
        "removed the account at https://provider.example from member@localhost",
        _unlink,
    ),
    Action.BROWSER_SIGNED_OUT: ("member", "signed member@localhost out of", _end_browser),
    Action.MEMBER_INVITED: (
        "admin",
        "invited new@localhost as viewer",
        lambda s, a, m: s.members.invite(a, "new@localhost", "viewer"),
    ),
    Action.MEMBER_CHANGED: (
        "admin",
        "changed the role of member@localhost from member to operator",
        lambda s, a, m: s.members.set_role(a, m.user_id, "operator"),
    ),
    Action.MEMBER_REMOVED: ("admin", "removed member@localhost", lambda s, a, m: s.members.remove(a, m.user_id)),
    Action.ACCOUNT_DEACTIVATED: (
        COMMAND_LINE,
        "deactivated the account member@localhost",
        lambda s, a, m: s.memberships.deactivate(m.user_id),
    ),
    Action.ACCOUNT_ACTIVATED: (
        COMMAND_LINE,
        "activated the account member@localhost again",
        lambda s, a, m: s.memberships.activate(m.user_id),
    ),
    Action.ORGANIZATION_CREATED: (
        COMMAND_LINE,
        "made the organisation Another",
        lambda s, a, m: s.organizations.create("Another"),
    ),
    Action.ORGANIZATION_RENAMED: (
        "admin",
        "renamed the organisation default to Works",
        lambda s, a, m: s.organizations.rename_own(a, "Works"),
    ),
    Action.RETENTION_CHANGED: (
        "admin",
        "changed for how long to keep failed jobs",
        lambda s, a, m: s.retention.set_rule(a, NewRule(30, status="failed")),
    ),
    Action.RETENTION_REMOVED: ("admin", "removed the rule for how long to keep failed jobs", _forget_rule),
}


def test_the_documentation_names_every_action() -> None:
    told = set(re.findall(r"`([a-z-]+)`", (ROOT / "docs" / "audit.md").read_text()))
    assert not set(Action) - told


def test_an_organisation_that_comes_with_a_user_is_told_of_once(services: Services, admin: Actor) -> None:
    for name in ("first", "second"):
        services.identity.create_user(f"{name}@third", organization="third")
    made = services.audit.page(admin, AuditFilter(action=Action.ORGANIZATION_CREATED))[0]
    assert [(one.actor, one.text) for one in made] == [(COMMAND_LINE, "made the organisation third")]


@pytest.mark.parametrize("action", DEEDS)
def test_it_is_told_who_did_it(services: Services, admin: Actor, member: Actor, action: Action) -> None:
    who, text, deed = DEEDS[action]
    wanted = AuditFilter(action=action)
    before = {one.id for one in services.audit.page(admin, wanted)[0]}
    deed(services, admin, member)
    (told,) = [one for one in services.audit.page(admin, wanted)[0] if one.id not in before]
    assert told.actor == {"admin": admin.email, "member": member.email}.get(who, who)
    assert told.text.startswith(text)
    assert PASSWORD not in told.model_dump_json()


def _told(services: Services, reader: Actor, action: Action) -> list[tuple[str, str, str | None]]:
    return [(one.actor, one.text, one.address) for one in services.audit.page(reader, AuditFilter(action=action))[0]]


def test_a_login_link_by_the_command_line_is_told_wherever_the_account_is_a_member(
    services: Services, settings: Settings, admin: Actor, member: Actor, stranger: Actor
) -> None:
    services.memberships.add(stranger.organization_id, member.user_id, "viewer")
    assert "/login/" in login_link(services.identity, settings, member.email)
    for reader in (admin, stranger):
        told = _told(services, reader, Action.LOGIN_LINK_MADE)
        assert told == [(COMMAND_LINE, "made a login link for member@localhost", None)]


def test_what_the_command_line_does_to_an_account_is_told_wherever_it_is_a_member(
    services: Services, admin: Actor, member: Actor, stranger: Actor
) -> None:
    services.memberships.add(stranger.organization_id, member.user_id, "viewer")
    services.passwords.set(member.email, PASSWORD)
    services.logins.end_all(member.user_id)
    for _ in range(2):
        services.audit.refused_sign_in(member.email, "192.0.2.7")
    for reader in (admin, stranger):
        for action in (Action.PASSWORD_SET, Action.SIGNED_OUT_EVERYWHERE, Action.SIGN_IN_FAILED):
            assert len(_told(services, reader, action)) == 1, action
    # Of who is a member nowhere any more, who made the account is told.
    for one in (admin, stranger):
        services.memberships.remove(one.organization_id, member.user_id)
    services.logins.end_all(member.user_id)
    assert len(_told(services, admin, Action.SIGNED_OUT_EVERYWHERE)) == 2
    assert len(_told(services, stranger, Action.SIGNED_OUT_EVERYWHERE)) == 1


def test_who_comes_by_a_provider_for_the_first_time_came_themselves(
    services: Services, settings: Settings, admin: Actor
) -> None:
    there = settings.model_copy(update={"oidc_organization": "default", "oidc_role": "viewer"})
    hints = Hints(redis_connection.hints(settings.redis_url))
    federation = Federation(cast(DbSession, db.session), services.identity, there, hints)
    federation.sign_in(replace(PERSON, email="New@localhost"), "192.0.2.7")
    came = ("new@localhost", "became a member by signing in, as viewer", "192.0.2.7")
    assert _told(services, admin, Action.MEMBER_JOINED) == [came]
    assert _told(services, admin, Action.MEMBER_INVITED) == []
