"""Users, API tokens and one-time login links. Secrets are shown once and kept as SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.dialects.postgresql import insert

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.ids import new_id
from jobsapp.core.rights import Role
from jobsapp.core.storable import is_storable, refuse_faults
from jobsapp.errors import Conflict, InvalidInput, NotFound, NotSignedIn
from jobsapp.models import ApiToken, LoginLink, Membership, Organization, User
from jobsapp.services.actors import actor_of, actors, of_member
from jobsapp.services.sessions import DbSession

DEFAULT_ORGANIZATION = "default"
FIRST_ADMIN = "admin@localhost"
TOKEN_PREFIX = "jobsapp_"  # noqa: S105 - the prefix is public, it lets scanners find leaked tokens
LINK_LIFETIME = timedelta(hours=1)
EMAIL_LENGTH = 254
LAST_USED_STEP = timedelta(minutes=1)


class Identity:
    """Without `hints` open sockets hear only by and by of a token that was revoked."""

    def __init__(self, session: DbSession, hints: Hints | None = None) -> None:
        self._session = session
        self._hints = hints

    def bootstrap(self) -> User:
        """The first administrator of the organisation that runs the installation. Both are made if missing; commits."""
        organization_id = self._running()
        first = self._first_admin(organization_id)
        if first is None:
            self._session.execute(
                insert(User).values(id=new_id(), home_id=organization_id, email=FIRST_ADMIN).on_conflict_do_nothing()
            )
            first = self.get_user(FIRST_ADMIN)
            values = {"user_id": first.id, "organization_id": organization_id, "role": Role.ADMIN}
            self._session.execute(insert(Membership).values(values).on_conflict_do_nothing())
        self._session.commit()
        return first

    def get_user(self, email: str) -> User:
        """Raises NotFound."""
        query = select(User).where(User.email == email)
        user = self._session.scalars(query).one_or_none() if is_storable(email) else None
        if user is None:
            raise NotFound(f"There is no user {email}.")
        return user

    def users(self) -> list[User]:
        return list(self._session.scalars(select(User).order_by(User.email)))

    def create_user(self, email: str, *, role: str = "member", organization: str | None = None) -> User:
        """Create a user in an organisation, which is made if it is new, and commit. None: that of the installation.

        Raises InvalidInput naming `email` or `role`.
        """
        refuse_faults(email=email, organization=organization)
        home_id = self._running() if organization is None else self._named(organization)
        user = self.new_user(email, role, home_id)
        self._session.commit()
        return user

    def new_user(self, email: str, role: str, home_id: UUID) -> User:
        """A user with a membership, without COMMIT. Raises InvalidInput naming `email` or `role`."""
        refuse_email(email)
        refuse_role(role)
        values = {"id": new_id(), "home_id": home_id, "email": email}
        made = insert(User).values(values).on_conflict_do_nothing().returning(User)
        user = self._session.scalars(made).one_or_none()
        if user is None:
            raise InvalidInput.of("email", f"there is a user {email} already.")
        self._session.add(Membership(user_id=user.id, organization_id=home_id, role=role))
        return user

    def create_token(
        self, email: str, name: str, *, lifetime: timedelta | None = None, organization_id: UUID | None = None
    ) -> str:
        """A new API token for the user in this organisation, by default the first they came to; returned this once.

        Raises NotFound, and NotSignedIn for who may not sign in there.
        """
        refuse_faults(name=name)
        actor = self.get_actor(self.get_user(email).id, organization_id)
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        expires_at = None if lifetime is None else datetime.now(UTC) + lifetime
        whose = {"user_id": actor.user_id, "organization_id": actor.organization_id}
        self._session.add(ApiToken(**whose, name=name, token_hash=_hash(token), expires_at=expires_at))
        self._session.commit()
        return token

    def tokens(self) -> list[ApiToken]:
        """All tokens, oldest first."""
        return list(self._session.scalars(select(ApiToken).order_by(ApiToken.created_at, ApiToken.id)))

    def revoke_token(self, wanted: str) -> ApiToken:
        """Revoke the one token in force that has this name, or whose id begins so, and commit.

        Raises NotFound if there is none and Conflict if there are several.
        """
        in_force = [token for token in self.tokens() if token.revoked_at is None]
        found = [token for token in in_force if wanted and wanted in (token.name, str(token.id))]
        found = found or [token for token in in_force if wanted and str(token.id).startswith(wanted.lower())]
        if not found:
            raise NotFound(f"There is no token {wanted!r} in force; `flask tokens list` shows them.")
        if len(found) > 1:
            raise Conflict(f"{len(found)} tokens fit {wanted!r}: give more of the id, as `flask tokens list` shows it.")
        found[0].revoked_at = datetime.now(UTC)
        if self._hints is not None:
            after_commit(self._session(), partial(self._hints.logins_ended, found[0].user_id))
        self._session.commit()
        return found[0]

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

    def actor(self, user_id: UUID, organization_id: UUID | None = None) -> Actor | None:
        """The user in this organisation, by default in the first they came to; None if they are no member of it."""
        query = actors().where(Membership.user_id == user_id)
        if organization_id is not None:
            query = query.where(Membership.organization_id == organization_id)
        row = self._session.execute(query.order_by(Membership.created_at, Membership.organization_id).limit(1)).first()
        return None if row is None else actor_of(row)

    def get_actor(self, user_id: UUID, organization_id: UUID | None = None) -> Actor:
        """As `actor`, but raises NotSignedIn."""
        actor = self.actor(user_id, organization_id)
        if actor is None:
            raise NotSignedIn("This user does not exist any more, is deactivated or belongs to no organisation.")
        return actor

    def actor_for_token(self, token: str) -> Actor:
        """Who a token speaks for. Raises NotSignedIn if it is unknown, revoked or expired."""
        now = datetime.now(UTC)
        held = of_member(ApiToken.user_id, ApiToken.organization_id)
        query = actors().add_columns(ApiToken).join(ApiToken, held).where(ApiToken.token_hash == _hash(token))
        row = self._session.execute(query).one_or_none()
        if row is None or token_state(row.ApiToken) != "valid":
            raise NotSignedIn("The token is unknown, revoked or expired. Make one: flask tokens create --name NAME")
        actor, used_at = actor_of(row), row.ApiToken.last_used_at
        if used_at is None or used_at < now - LAST_USED_STEP:
            row.ApiToken.last_used_at = now
            self._session.commit()
            # So that a transaction has begun, as at any other time: what is made in it is no older than its id.
            return self.get_actor(actor.user_id, actor.organization_id)
        return actor

    def _running(self) -> UUID:
        """The organisation that runs the installation, made if there is none."""
        query = select(Organization.id).where(Organization.runs_installation)
        found = self._session.scalar(query)
        if found is None:
            values = {"id": new_id(), "name": DEFAULT_ORGANIZATION, "runs_installation": True}
            self._session.execute(insert(Organization).values(values).on_conflict_do_nothing())
            found = self._session.scalars(query).one()
        return found

    def _named(self, organization: str) -> UUID:
        """The organisation of that name, made if there is none."""
        self._session.execute(insert(Organization).values(id=new_id(), name=organization).on_conflict_do_nothing())
        return self._session.scalars(select(Organization.id).where(Organization.name == organization)).one()

    def _first_admin(self, organization_id: UUID) -> User | None:
        """An administrator who may sign in: FIRST_ADMIN if it is one, else the oldest."""
        of = Membership.user_id == User.id, Membership.organization_id == organization_id
        query = select(User).where(User.deactivated_at.is_(None), exists().where(*of, Membership.role == Role.ADMIN))
        return self._session.scalars(query.order_by(User.email != FIRST_ADMIN, User.created_at).limit(1)).first()


def token_state(token: ApiToken) -> str:
    """`valid`, `expired` or `revoked`."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= datetime.now(UTC) else "valid"


def refuse_email(email: str) -> None:
    """Raises InvalidInput naming `email` unless it looks like an address."""
    refuse_faults(email=email)
    if "@" not in email.strip("@ ") or len(email) > EMAIL_LENGTH:
        raise InvalidInput.of("email", f"{email[:EMAIL_LENGTH]!r} is not an e-mail address.")


def refuse_role(role: str) -> None:
    """Raises InvalidInput naming `role`."""
    if role not in list(Role):
        raise InvalidInput.of("role", f"must be {', '.join(list(Role)[:-1])} or {Role.ADMIN}.")


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
