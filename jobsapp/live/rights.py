"""Whether those behind the sockets may still be here."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from flask import Flask

from jobsapp.auth.current import find_actor, services
from jobsapp.core.actors import Actor, Guest
from jobsapp.errors import NotSignedIn
from jobsapp.live.watcher import Code, Watcher


def dismiss(app: Flask, watchers: Iterable[Watcher]) -> None:
    """Close the sockets of these whose login or token has ended, or means less or more than it did.

    It takes a statement for all logins, one for all tokens of jobs, and two for each token of a user.
    """
    watchers = list(watchers)
    present = _actors(app, watchers)
    guests = _guests(app, watchers)
    for one in watchers:
        if isinstance(one.reader, Guest):
            stays = one.reader.token_id in guests
        else:
            now = present.get(one.login_id or one.token)
            stays = now is not None and now.organization_id == one.organization_id
            if stays and now != one.reader:
                one.close(Code.RESTART, "Your rights have changed; connect again")
        if not stays:
            one.close(Code.NOT_SIGNED_IN, "You have signed out, or your right has ended")


def _guests(app: Flask, watchers: list[Watcher]) -> set[UUID]:
    """Of the tokens of jobs those that are in force."""
    tokens = {one.reader.token_id for one in watchers if isinstance(one.reader, Guest)}
    with app.app_context():
        return services().job_tokens.living(tokens) if tokens else set()


def _actors(app: Flask, watchers: list[Watcher]) -> dict[object, Actor | None]:
    """Who each login or token of a user speaks for now."""
    login_ids = {one.login_id for one in watchers if one.login_id}
    tokens = {one.token for one in watchers if one.token}
    with app.app_context():
        living = services().logins.living(login_ids) if login_ids else {}
    present: dict[object, Actor | None] = {token: _actor_of(app, token) for token in tokens}
    present.update(living.items())
    return present


def _actor_of(app: Flask, token: str) -> Actor | None:
    """By the front door, whatever kinds of tokens there are; in a context of its own, which remembers who came in."""
    with app.app_context(), app.test_request_context(headers={"Authorization": f"Bearer {token}"}):
        try:
            return find_actor()
        except NotSignedIn:
            return None
