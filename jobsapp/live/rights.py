"""Whether those behind the sockets may still be here."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from flask import Flask

from jobsapp.auth.current import find_actor, services
from jobsapp.core.actors import Guest
from jobsapp.errors import NotSignedIn
from jobsapp.live.watcher import Code, Watcher


def dismiss(app: Flask, watchers: Iterable[Watcher]) -> None:
    """Close the sockets of these whose login or token has ended.

    It takes a statement for all logins, one for all tokens of jobs, and two for each token of a user.
    """
    watchers = list(watchers)
    present = _organizations(app, watchers)
    guests = _guests(app, watchers)
    for one in watchers:
        if isinstance(one.reader, Guest):
            stays = one.reader.token_id in guests
        else:
            stays = present.get(one.login_id or one.token) == one.organization_id
        if not stays:
            one.close(Code.NOT_SIGNED_IN, "You have signed out, or your right has ended")


def _guests(app: Flask, watchers: list[Watcher]) -> set[UUID]:
    """Of the tokens of jobs those that are in force."""
    tokens = {one.reader.token_id for one in watchers if isinstance(one.reader, Guest)}
    with app.app_context():
        return services().job_tokens.living(tokens) if tokens else set()


def _organizations(app: Flask, watchers: list[Watcher]) -> dict[object, UUID | None]:
    """The organisation in which each login or token of a user speaks now."""
    login_ids = {one.login_id for one in watchers if one.login_id}
    tokens = {one.token for one in watchers if one.token}
    with app.app_context():
        living = services().logins.living(login_ids) if login_ids else {}
    present: dict[object, UUID | None] = {token: _organization_of(app, token) for token in tokens}
    present.update(living.items())
    return present


def _organization_of(app: Flask, token: str) -> UUID | None:
    """By the front door, whatever kinds of tokens there are; in a context of its own, which remembers who came in."""
    with app.app_context(), app.test_request_context(headers={"Authorization": f"Bearer {token}"}):
        try:
            actor = find_actor()
        except NotSignedIn:
            actor = None
    return None if actor is None else actor.organization_id
