"""Login sessions: a browser that is signed in is a row, so that signing out ends it wherever its cookie was copied.

All times are the database's, whatever the clocks of the web servers say.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, any_, cast, delete, func, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.orm import aliased

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.ids import new_id
from jobsapp.core.rights import Role
from jobsapp.core.storable import is_storable
from jobsapp.models import LoginLink, LoginSession, Membership, Organization, User
from jobsapp.services.actors import actor_of, actors, of_member
from jobsapp.services.audit import Audit
from jobsapp.services.sessions import DbSession

LAST_USED_STEP = timedelta(minutes=5)
USER_AGENT_LENGTH = 300


@dataclass(frozen=True)
class Login:
    """A browser that is signed in, and as whom."""

    id: UUID
    actor: Actor
    organizations: dict[UUID, str]
    """Those that the user may switch between: their names by id, in the order of the names."""


class Logins:
    """`lifetime`: how long a browser stays signed in after it was last used, give or take LAST_USED_STEP."""

    def __init__(self, session: DbSession, hints: Hints, lifetime: timedelta) -> None:
        self._session = session
        self._hints = hints
        self._lifetime = lifetime
        self._audit = Audit(session)

    def start(self, actor: Actor, user_agent: str = "", *, by: str | None = None) -> str:
        """Sign the actor in, in their organisation; returns what the cookie is to carry, which is kept nowhere else.

        `by`: how they showed who they are, for the audit log.
        """
        secret = secrets.token_urlsafe(32)
        login_id = new_id()
        self._session.execute(
            insert(LoginSession).values(
                id=login_id,
                user_id=actor.user_id,
                organization_id=actor.organization_id,
                secret_hash=_hash(secret),
                user_agent=user_agent[:USER_AGENT_LENGTH] if is_storable(user_agent) else "",
                expires_at=func.now() + self._lifetime,
            )
        )
        self._audit.note(actor, Action.SIGNED_IN, details={"by": by})
        self._session.commit()
        return f"{login_id}.{secret}"

    def find(self, cookie: str) -> Login | None:
        """Who is signed in with this cookie: one statement, and every LAST_USED_STEP another. None: nobody."""
        key = _key(cookie)
        if key is None:
            return None
        row = self._session.execute(_visitor().where(*_with(key))).one_or_none()
        if row is None:
            return None
        if row.is_stale:
            self._touch(key[0])
        return Login(key[0], actor_of(row), {UUID(one["id"]): one["name"] for one in row.memberships})

    def end(self, cookie: str, *, told: bool = False, address: str | None = None) -> None:
        """Sign this one browser out, and commit. `told`: in the audit log, with the network address that asks."""
        key = _key(cookie)
        if key is None:
            return
        ended = delete(LoginSession).where(*_with(key))
        returned = ended.returning(LoginSession.user_id, LoginSession.organization_id)
        row = self._session.execute(returned).one_or_none()
        if row is None:
            return
        if told:
            email = self._session.scalars(select(User.email).where(User.id == row.user_id)).one()
            # Who leaves may be no member any more, so nothing is said of rights.
            who = Actor(row.user_id, row.organization_id, email, Role.VIEWER, address=address)
            self._audit.note(who, Action.SIGNED_OUT)
        self._commit_and_tell(row.user_id)

    def end_all(self, user_id: UUID, *, by: Actor | None = None) -> int:
        """Sign the user out of all browsers, and commit; returns of how many. `by` None: the command line."""
        ended = delete(LoginSession).where(LoginSession.user_id == user_id).returning(LoginSession.id)
        count = len(self._session.execute(ended).all())
        self._audit.note_account(user_id, Action.SIGNED_OUT_EVERYWHERE, {"browsers": count}, by=by)
        self._commit_and_tell(user_id)
        return count

    def living(self, login_ids: Iterable[UUID]) -> dict[UUID, Actor]:
        """Those of these logins that have not ended, each with who its user is now."""
        wanted = any_(cast(list(login_ids), ARRAY(Uuid)))
        query = _signed_in().add_columns(LoginSession.id.label("login_id"))
        rows = self._session.execute(query.where(LoginSession.id == wanted))
        return {row.login_id: actor_of(row) for row in rows}

    def delete_expired(self) -> int:
        """Delete the logins and login links that nobody can use any more, and commit; returns how many."""
        count = 0
        for model in (LoginSession, LoginLink):
            expired = delete(model).where(model.expires_at <= func.now()).returning(model.user_id)
            count += len(self._session.execute(expired).all())
        self._session.commit()
        return count

    def _touch(self, login_id: UUID) -> None:
        used = update(LoginSession).where(LoginSession.id == login_id)
        self._session.execute(used.values(last_used_at=func.now(), expires_at=func.now() + self._lifetime))
        self._session.commit()

    def _commit_and_tell(self, user_id: UUID) -> None:
        after_commit(self._session(), partial(self._hints.logins_ended, user_id))
        self._session.commit()


def _signed_in() -> Select[UUID, UUID, str, str, bool]:
    """The actors of all logins that have not ended."""
    held = of_member(LoginSession.user_id, LoginSession.organization_id)
    return actors().join(LoginSession, held).where(LoginSession.expires_at > func.now())


@cache
def _visitor() -> Select[Any]:
    """The same with what each page asks for. Made once: it takes as long to make as to run."""
    stale = LoginSession.last_used_at < func.now() - LAST_USED_STEP
    return _signed_in().add_columns(stale.label("is_stale"), _memberships())


def _memberships() -> ColumnElement[Any]:
    """The organisations of the row's user."""
    other, named = aliased(Membership), aliased(Organization)
    pair = func.json_build_object("id", named.id, "name", named.name)
    query = select(func.json_agg(aggregate_order_by(pair, named.name)))
    found = query.join(other, other.organization_id == named.id).where(other.user_id == User.id)
    return found.correlate(User).scalar_subquery().label("memberships")


def _key(cookie: str) -> tuple[UUID, bytes] | None:
    login_id, _, secret = cookie.partition(".")
    try:
        return UUID(login_id), _hash(secret)
    except ValueError:
        return None


def _with(key: tuple[UUID, bytes]) -> tuple[ColumnElement[bool], ...]:
    login_id, secret_hash = key
    return LoginSession.id == login_id, LoginSession.secret_hash == secret_hash


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
