"""API tokens: made for a user, narrowed by scopes, shown once and kept as SHA-256. All times are the database's."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Select, Text, cast, func, or_, select, update
from sqlalchemy.orm import contains_eager, joinedload

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.rights import Right, Scope
from jobsapp.core.storable import is_storable, refuse_faults
from jobsapp.errors import Conflict, Forbidden, InvalidInput, NotFound
from jobsapp.models import ApiToken
from jobsapp.services.actors import actor_of, actors, of_member
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.sessions import DbSession

TOKEN_PREFIX = "jobsapp_"  # noqa: S105 - the prefix is public, it lets scanners find leaked tokens
NAME_LENGTH = 100
LONGEST = timedelta(days=3650)
LAST_USED_STEP = timedelta(minutes=1)
PAGE = 50
# What somebody has to be allowed to give a token that scope.
NEEDS: dict[Scope, Right] = {
    Scope.READ: Right.READ,
    Scope.JOBS: Right.CREATE,
    Scope.OPERATE: Right.OPERATE,
    Scope.ADMIN: Right.ADMINISTER,
}


class Tokens:
    """Without `hints` open sockets hear only by and by of a token that was revoked."""

    def __init__(self, session: DbSession, hints: Hints | None = None) -> None:
        self._session = session
        self._hints = hints
        self._audit = Audit(session)

    def create(
        self,
        actor: Actor,
        name: str,
        *,
        scopes: Collection[str] = (Scope.JOBS,),
        lifetime: timedelta | None = None,
    ) -> tuple[ApiToken, str]:
        """A new token of the actor's own, and commit. The text is returned this once. `lifetime` None: no end.

        Raises Forbidden if a token asks that has not the scope admin, and InvalidInput naming the field at fault: a
        scope that is more than the actor may do is one.
        """
        if not may_make_tokens(actor):
            raise Forbidden("This token may not make tokens: that needs the scope admin. Or sign in and use /tokens.")
        allowed = scopes_of(actor)
        if beyond := [scope for scope in scopes if scope in list(Scope) and scope not in allowed]:
            raise InvalidInput.of("scopes", f"{beyond[0]} is more than you may do yourself; give {_either(allowed)}.")
        token, text = _new(actor, name, scopes, lifetime)
        self._session.add(token)
        self._session.flush()
        self._note_new(actor, token, actor)
        self._session.commit()
        return token, text

    def create_for(self, owner: Actor, name: str, *, scopes: Collection[str], lifetime: timedelta | None = None) -> str:
        """A new token for the owner, by the command line, and commit. Returns the text, this once."""
        token, text = _new(owner, name, scopes, lifetime)
        self._session.add(token)
        self._session.flush()
        self._note_new(None, token, owner)
        self._session.commit()
        return text

    def page(
        self, actor: Actor, *, everyone: bool = False, before: UUID | None = None, limit: int = PAGE
    ) -> tuple[list[ApiToken], UUID | None]:
        """Tokens of the actor, newest first, and the id to give as `before` for the next page.

        `everyone`: those of the whole organisation; raises Forbidden if the actor is no administrator.
        """
        if everyone:
            actor.require(Right.ADMINISTER, "see the tokens of others")
        query = _of(actor)
        if not everyone:
            query = query.where(ApiToken.user_id == actor.user_id)
        if before is not None:
            query = query.where(ApiToken.id < before)
        newest = query.options(joinedload(ApiToken.revoker)).order_by(ApiToken.id.desc()).limit(limit + 1)
        found = list(self._session.scalars(newest))
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    def get(self, actor: Actor, token_id: UUID) -> ApiToken:
        """One of the actor's own, or as an administrator any of the organisation. Raises NotFound."""
        token = self._session.scalars(_of(actor).where(ApiToken.id == token_id)).one_or_none()
        if token is None or not (token.user_id == actor.user_id or actor.may(Right.ADMINISTER)):
            raise NotFound(f"There is no token {token_id}.")
        return token

    def revoke(self, actor: Actor, token_id: UUID) -> ApiToken:
        """End a token at once, with the sockets that hang on it, and commit. Revoked twice: the first time stays.

        Raises NotFound as `get`, and Forbidden for a token that has not the scope admin and revokes another one.
        """
        token = self.get(actor, token_id)
        if actor.token_id != token_id and not may_make_tokens(actor):
            raise Forbidden("This token may revoke itself alone; for others it needs the scope admin.")
        self._end(token, actor)
        return token

    def all(self) -> list[ApiToken]:
        """All tokens of all organisations, oldest first: for the command line."""
        return list(self._session.scalars(select(ApiToken).order_by(ApiToken.created_at, ApiToken.id)))

    def revoke_named(self, wanted: str) -> ApiToken:
        """Revoke the one token in force that has this name, or whose id begins so, by the command line, and commit.

        Raises NotFound if there is none and Conflict if there are several.
        """
        named = or_(ApiToken.name == wanted, cast(ApiToken.id, Text) == wanted)
        begun = cast(ApiToken.id, Text).startswith(wanted.lower(), autoescape=True)
        in_force = select(ApiToken).where(ApiToken.revoked_at.is_(None)).options(joinedload(ApiToken.user)).limit(PAGE)
        found = list(self._session.scalars(in_force.where(named))) if wanted and is_storable(wanted) else []
        if not found and wanted and is_storable(wanted):
            found = list(self._session.scalars(in_force.where(begun)))
        if not found:
            raise NotFound(f"There is no token {wanted!r} in force; `flask tokens list` shows them.")
        if len(found) > 1:
            raise Conflict(f"{len(found)} tokens fit {wanted!r}: give more of the id, as `flask tokens list` shows it.")
        self._end(found[0], None)
        return found[0]

    def find(self, text: str, address: str | None = None) -> Actor | None:
        """Who the token in force with this text speaks for: one statement, and every LAST_USED_STEP two others.

        It is looked up by its hash, so an unknown one takes as long as a known one. `address`: from where it was used.
        """
        stale = func.coalesce(ApiToken.last_used_at < func.now() - LAST_USED_STEP, True).label("is_stale")
        held = of_member(ApiToken.user_id, ApiToken.organization_id)
        columns = ApiToken.id.label("token_id"), ApiToken.scopes.label("scopes"), stale
        query = actors().add_columns(*columns).join(ApiToken, held)
        in_force = (
            ApiToken.token_hash == _hash(text),
            ApiToken.revoked_at.is_(None),
            or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > func.now()),
        )
        row = self._session.execute(query.where(*in_force)).one_or_none()
        if row is not None and row.is_stale:
            used = {"last_used_at": func.now(), "last_used_address": func.coalesce(address, ApiToken.last_used_address)}
            self._session.execute(update(ApiToken).where(ApiToken.id == row.token_id).values(used))
            self._session.commit()
            # So that a transaction has begun, as at any other time: what is made in it is no older than its id.
            row = self._session.execute(query.where(*in_force)).one_or_none()
        return None if row is None else replace(actor_of(row), scopes=frozenset(row.scopes), token_id=row.token_id)

    def _end(self, token: ApiToken, actor: Actor | None) -> None:
        ended = update(ApiToken).where(ApiToken.id == token.id, ApiToken.revoked_at.is_(None))
        values = {"revoked_at": func.now(), "revoked_by": actor.user_id if actor else None}
        if self._session.scalar(ended.values(values).returning(ApiToken.id)) is None:
            return
        subject, home = Subject("token", token.id, token.name), token.organization_id
        self._audit.note(actor, Action.TOKEN_REVOKED, subject, {"owner": token.user.email}, organization_id=home)
        if self._hints is not None:
            after_commit(self._session(), partial(self._hints.logins_ended, token.user_id))
        self._session.commit()

    def _note_new(self, actor: Actor | None, token: ApiToken, owner: Actor) -> None:
        ends = token.expires_at and token.expires_at.astimezone(UTC).isoformat(timespec="seconds")
        details = {"owner": owner.email, "scopes": token.scopes, "expiresAt": ends}
        subject = Subject("token", token.id, token.name)
        self._audit.note(actor, Action.TOKEN_CREATED, subject, details, organization_id=owner.organization_id)


def may_make_tokens(actor: Actor) -> bool:
    """Whether the actor is here themselves, or by a token that may do all that they may."""
    return actor.scopes is None or Scope.ADMIN in actor.scopes


def scopes_of(actor: Actor) -> list[Scope]:
    """The scopes that the actor may give to a token: none that is more than they may do now."""
    return [scope for scope in Scope if actor.may(NEEDS[scope])]


def token_state(token: ApiToken) -> str:
    """`valid`, `expired` or `revoked`."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= datetime.now(UTC) else "valid"


def _of(actor: Actor) -> Select[ApiToken]:
    """Tokens of the actor's organisation, with their users."""
    query = select(ApiToken).join(ApiToken.user).options(contains_eager(ApiToken.user))
    return query.where(ApiToken.organization_id == actor.organization_id)


def _new(owner: Actor, name: str, scopes: Collection[str], lifetime: timedelta | None) -> tuple[ApiToken, str]:
    refuse_faults(name=name)
    if not 1 <= len(name.strip()) <= NAME_LENGTH:
        raise InvalidInput.of("name", f"must have 1 to {NAME_LENGTH} characters: what the token is for.")
    if unknown := [scope for scope in scopes if scope not in list(Scope)]:
        raise InvalidInput.of("scopes", f"there is no scope {unknown[0]!r}; give {_either(list(Scope))}.")
    if not scopes:
        raise InvalidInput.of("scopes", f"give at least one of {_either(list(Scope))}.")
    if lifetime is not None and not timedelta(days=1) <= lifetime <= LONGEST:
        raise InvalidInput.of("expiresInDays", f"must be from 1 to {LONGEST.days:,} days.")
    text = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        user_id=owner.user_id,
        organization_id=owner.organization_id,
        name=name.strip(),
        scopes=[scope.value for scope in Scope if scope in scopes],
        token_hash=_hash(text),
        expires_at=None if lifetime is None else func.now() + lifetime,
    )
    return token, text


def _either(scopes: Collection[str]) -> str:
    return " or ".join(scopes)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
