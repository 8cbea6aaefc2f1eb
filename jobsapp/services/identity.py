"""Organisations, users, API tokens and one-time login links. Secrets are shown once and kept as SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.ids import new_id
from jobsapp.core.rights import Scope
from jobsapp.core.storable import is_storable, refuse_faults
from jobsapp.errors import InvalidInput, NotFound, NotSignedIn
from jobsapp.models import ApiToken, LoginLink, Organization, User
from jobsapp.services.sessions import DbSession
from jobsapp.services.tokens import Tokens

DEFAULT_ORGANIZATION = "default"
FIRST_ADMIN = "admin@localhost"
LINK_LIFETIME = timedelta(hours=1)


class Identity:
    """Without `hints` open sockets hear only by and by of a token that was revoked."""

    def __init__(self, session: DbSession, hints: Hints | None = None) -> None:
        self._session = session
        self._tokens = Tokens(session, hints)

    def bootstrap(self) -> User:
        """Make the organisation `default` and its administrator unless they are there, and commit."""
        self._session.execute(
            insert(Organization).values(id=new_id(), name=DEFAULT_ORGANIZATION).on_conflict_do_nothing()
        )
        organization = self._session.scalars(
            select(Organization).where(Organization.name == DEFAULT_ORGANIZATION)
        ).one()
        self._session.execute(
            insert(User)
            .values(id=new_id(), organization_id=organization.id, email=FIRST_ADMIN, role="admin")
            .on_conflict_do_nothing()
        )
        self._session.commit()
        return self.get_user(FIRST_ADMIN)

    def get_user(self, email: str) -> User:
        """Raises NotFound."""
        query = select(User).where(User.email == email)
        user = self._session.scalars(query).one_or_none() if is_storable(email) else None
        if user is None:
            raise NotFound(f"There is no user {email}.")
        return user

    def users(self) -> list[User]:
        return list(self._session.scalars(select(User).order_by(User.email)))

    def create_user(self, email: str, *, role: str = "member", organization: str = DEFAULT_ORGANIZATION) -> User:
        """Create a user, and the organisation if it is new, and commit."""
        refuse_faults(email=email, organization=organization)
        if "@" not in email.strip("@ "):
            raise InvalidInput.of("email", f"{email!r} is not an e-mail address.")
        if self._session.scalars(select(User.id).where(User.email == email)).one_or_none():
            raise InvalidInput.of("email", f"there is a user {email} already.")
        self._session.execute(insert(Organization).values(id=new_id(), name=organization).on_conflict_do_nothing())
        owner = self._session.scalars(select(Organization.id).where(Organization.name == organization)).one()
        user = User(organization_id=owner, email=email, role=role)
        self._session.add(user)
        self._session.commit()
        return user

    def create_token(
        self, email: str, name: str, *, lifetime: timedelta | None = None, scopes: Collection[str] = (Scope.ADMIN,)
    ) -> str:
        """A new API token for the user, by the command line: see `Tokens.create_for`. It is returned this once."""
        return self._tokens.create_for(self.get_user(email), name, scopes=scopes, lifetime=lifetime)

    def tokens(self) -> list[ApiToken]:
        """All tokens, oldest first."""
        return self._tokens.all()

    def revoke_token(self, wanted: str) -> ApiToken:
        """Revoke a token by its name or the beginning of its id: see `Tokens.revoke_named`."""
        return self._tokens.revoke_named(wanted)

    def create_login_secret(self, email: str) -> str:
        """The secret of a link that signs the user in once, within LINK_LIFETIME."""
        user = self.get_user(email)
        secret = secrets.token_urlsafe(32)
        expires_at = datetime.now(UTC) + LINK_LIFETIME
        self._session.add(LoginLink(user_id=user.id, token_hash=_hash(secret), expires_at=expires_at))
        self._session.commit()
        return secret

    def redeem_login_secret(self, secret: str) -> Actor:
        """Sign in with a link's secret, which is used up. Raises NotSignedIn."""
        now = datetime.now(UTC)
        statement = (
            update(LoginLink)
            .where(LoginLink.token_hash == _hash(secret), LoginLink.used_at.is_(None), LoginLink.expires_at > now)
            .values(used_at=now)
            .returning(LoginLink.user_id)
        )
        user_id = self._session.execute(statement).scalar()
        self._session.commit()
        actor = None if user_id is None else self.actor(user_id)
        if actor is None:
            raise NotSignedIn("This login link was used before or has expired. Make a new one: flask users login EMAIL")
        return actor

    def actor(self, user_id: UUID) -> Actor | None:
        """The user as an actor, or None if they are no more."""
        user = self._session.get(User, user_id)
        return None if user is None else _actor(user)

    def get_actor(self, user_id: UUID) -> Actor:
        """As `actor`, but raises NotSignedIn."""
        actor = self.actor(user_id)
        if actor is None:
            raise NotSignedIn("This user does not exist any more.")
        return actor

    def actor_for_token(self, token: str, address: str | None = None) -> Actor:
        """Who a token speaks for, narrowed to its scopes. Raises NotSignedIn if it is unknown, revoked or expired."""
        row = self._tokens.find(token, address)
        if row is None:
            raise NotSignedIn("The token is unknown, revoked or expired. Make one: flask tokens create --name NAME")
        return replace(_actor(row.user), scopes=frozenset(row.scopes), token_id=row.id)


def _actor(user: User) -> Actor:
    return Actor(user_id=user.id, organization_id=user.organization_id, email=user.email, role=user.role)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
