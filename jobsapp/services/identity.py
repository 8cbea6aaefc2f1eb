"""Users, API tokens and one-time login links. Secrets are shown once and kept as SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.ids import new_id
from jobsapp.core.rights import Role, Scope
from jobsapp.core.storable import is_storable, refuse_faults
from jobsapp.errors import InvalidInput, NotFound, NotSignedIn
from jobsapp.models import ApiToken, LoginLink, Membership, Organization, User
from jobsapp.services.actors import actor_of, actors
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.sessions import DbSession
from jobsapp.services.tokens import Tokens

DEFAULT_ORGANIZATION = "default"
FIRST_ADMIN = "admin@localhost"
LINK_LIFETIME = timedelta(hours=1)
EMAIL_LENGTH = 254


class Identity:
    """Without `hints` open sockets hear only by and by of a token that was revoked."""

    def __init__(self, session: DbSession, hints: Hints | None = None) -> None:
        self._session = session
        self._tokens = Tokens(session, hints)
        self._audit = Audit(session)

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
        query = select(User).where(of_address(email)).order_by(User.email != email.strip()).limit(1)
        user = self._session.scalars(query).one_or_none() if is_storable(email) else None
        if user is None:
            raise NotFound(f"There is no user {email}.")
        return user

    def users(self) -> list[User]:
        return list(self._session.scalars(select(User).order_by(User.email)))

    def create_user(
        self,
        email: str,
        *,
        role: str = "member",
        organization: str | None = None,
        signs_in: bool = False,
        address: str | None = None,
    ) -> User:
        """Create a user in an organisation, which is made if it is new, and commit. None: that of the installation.

        `signs_in`: they come themselves, from that network address; otherwise the command line makes them.
        Raises InvalidInput naming `email` or `role`.
        """
        refuse_faults(email=email, organization=organization)
        home_id = self._running() if organization is None else self._named(organization)
        user = self.new_user(email, role, home_id)
        subject, told = Subject("user", user.id, user.email), {"role": role}
        if signs_in:
            who = Actor(user.id, home_id, user.email, role, address=address)
            self._audit.note(who, Action.MEMBER_JOINED, subject, told)
        else:
            self._audit.note(None, Action.MEMBER_INVITED, subject, told, organization_id=home_id)
        self._session.commit()
        return user

    def new_user(self, email: str, role: str, home_id: UUID) -> User:
        """A user with a membership, without COMMIT. Raises InvalidInput naming `email` or `role`."""
        refuse_email(email)
        refuse_role(role)
        email = folded(email)
        values = {"id": new_id(), "home_id": home_id, "email": email}
        made = insert(User).values(values).on_conflict_do_nothing().returning(User)
        user = self._session.scalars(made).one_or_none()
        if user is None:
            raise InvalidInput.of("email", f"there is a user {email} already.")
        self._session.add(Membership(user_id=user.id, organization_id=home_id, role=role))
        return user

    def create_token(
        self,
        email: str,
        name: str,
        *,
        lifetime: timedelta | None = None,
        scopes: Collection[str] = (Scope.ADMIN,),
        organization_id: UUID | None = None,
    ) -> str:
        """A new API token for the user in this organisation, by default the first they came to: by the command line.

        It is returned this once: see `Tokens.create_for`. Raises NotFound, and NotSignedIn for who may not sign in.
        """
        owner = self.get_actor(self.get_user(email).id, organization_id)
        return self._tokens.create_for(owner, name, scopes=scopes, lifetime=lifetime)

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

    def make_login_link(self, email: str, by: Actor | None = None) -> str:
        """As `create_login_secret`, and the audit log tells of it. `by` None: the command line."""
        self._audit.note_account(self.get_user(email).id, Action.LOGIN_LINK_MADE, by=by)
        return self.create_login_secret(email)

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

    def actor_for_token(self, token: str, address: str | None = None) -> Actor:
        """Who a token speaks for, narrowed to its scopes. Raises NotSignedIn if it is unknown, revoked or expired."""
        actor = self._tokens.find(token, address)
        if actor is None:
            raise NotSignedIn("The token is unknown, revoked or expired. Make one: flask tokens create --name NAME")
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
        values = {"id": new_id(), "name": organization}
        made = insert(Organization).values(values).on_conflict_do_nothing().returning(Organization.id)
        organization_id = self._session.scalar(made)
        if organization_id is None:
            return self._session.scalars(select(Organization.id).where(Organization.name == organization)).one()
        subject = Subject("organization", organization_id, organization)
        self._audit.note(None, Action.ORGANIZATION_CREATED, subject)
        return organization_id

    def _first_admin(self, organization_id: UUID) -> User | None:
        """An administrator who may sign in: FIRST_ADMIN if it is one, else the oldest."""
        of = Membership.user_id == User.id, Membership.organization_id == organization_id
        query = select(User).where(User.deactivated_at.is_(None), exists().where(*of, Membership.role == Role.ADMIN))
        return self._session.scalars(query.order_by(User.email != FIRST_ADMIN, User.created_at).limit(1)).first()


def folded(email: str) -> str:
    """An address as it is kept."""
    return email.strip().lower()


def of_address(email: str) -> ColumnElement[bool]:
    """The users, at most one, who have this address, however it is written."""
    return func.lower(User.email) == func.lower(email.strip())


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
