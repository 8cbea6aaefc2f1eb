"""Signing in with what an OpenID provider says of somebody.

Who they are is (issuer, subject) from the first time on. At that first time a verified e-mail address leads to the user
who has it, or to a new one if the settings say where new ones belong.

Any administrator may have made that account, for an address that nobody had verified. So the first verified identity of
an account ends what opened it before: password, login links, sessions.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from jobsapp.bus.hints import Hints
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.ids import new_id
from jobsapp.core.storable import is_storable
from jobsapp.errors import InvalidInput, NotFound, NotSignedIn
from jobsapp.models import User, UserIdentity
from jobsapp.oidc_settings import domain_names
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.credentials import end_credentials
from jobsapp.services.identity import Identity
from jobsapp.services.sessions import DbSession
from jobsapp.services.spelling import find_user

# Longer ones the standard forbids.
SUBJECT_LENGTH = 255

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Person:
    """Somebody, as the provider of that issuer knows them. Not checked any further: its signature was."""

    issuer: str
    subject: str
    email: str = ""
    email_verified: bool = False


class Federation:
    def __init__(self, session: DbSession, identity: Identity, settings: Settings, hints: Hints) -> None:
        self._session = session
        self._hints = hints
        self._identity = identity
        self._audit = Audit(session)
        self._name = settings.oidc_name
        self._domains = domain_names(settings)
        self._organization = settings.oidc_organization
        self._role = settings.oidc_role

    def sign_in(self, person: Person, address: str | None = None) -> Actor:
        """Who this is here, from that network address; commits. Raises NotSignedIn with a sentence for them."""
        texts = (person.issuer, person.subject, person.email)
        if not person.subject or len(person.subject) > SUBJECT_LENGTH or not all(map(is_storable, texts)):
            raise NotSignedIn(f"What {self._name} says of you cannot be used.")
        self._check_domain(person)
        user_id = self._linked(person)
        return self._identity.get_actor(self._link(person, address) if user_id is None else user_id)

    def of_user(self, actor: Actor) -> list[UserIdentity]:
        """Who the actor is at providers, oldest first."""
        query = select(UserIdentity).where(UserIdentity.user_id == actor.user_id)
        return list(self._session.scalars(query.order_by(UserIdentity.created_at, UserIdentity.id)))

    def unlink(self, actor: Actor, identity_id: UUID) -> None:
        """Forget who the actor is at a provider, and commit. Raises NotFound."""
        ended = delete(UserIdentity).where(UserIdentity.id == identity_id, UserIdentity.user_id == actor.user_id)
        issuer = self._session.scalar(ended.returning(UserIdentity.issuer))
        if issuer is None:
            raise NotFound("This way to sign in is not yours, or was removed already.")
        self._audit.note(actor, Action.IDENTITY_REMOVED, _subject(actor), {"provider": issuer})
        self._session.commit()

    def _check_domain(self, person: Person) -> None:
        domain = person.email.rpartition("@")[2].lower()
        if self._domains and domain not in self._domains:
            raise NotSignedIn(f"Addresses like {person.email or 'yours'} may not sign in here with {self._name}.")

    def _linked(self, person: Person) -> UUID | None:
        same = UserIdentity.issuer == person.issuer, UserIdentity.subject == person.subject
        return self._session.scalar(select(UserIdentity.user_id).where(*same))

    def _link(self, person: Person, address: str | None) -> UUID:
        if "@" not in person.email:
            raise NotSignedIn(f"{self._name} does not say your e-mail address, so nobody knows who you are here.")
        if not person.email_verified:
            raise NotSignedIn(f"{self._name} has not verified your address {person.email}. Verify it there first.")
        user = find_user(self._identity, person.email) or self._create(person.email, address)
        known = list(self._session.scalars(select(UserIdentity.issuer).where(UserIdentity.user_id == user.id)))
        if person.issuer in known:
            # An address that a provider gave to somebody new must not open what belongs to who had it before.
            raise NotSignedIn(
                f"{person.email} signs in with another account of {self._name}. If that is yours and gone, sign in "
                "with a link or password, and remove it under Account."
            )
        values = {"id": new_id(), "issuer": person.issuer, "subject": person.subject, "user_id": user.id}
        self._session.execute(insert(UserIdentity).values(values).on_conflict_do_nothing())
        if not known:
            end_credentials(self._session, self._hints, user.id)
        actor = replace(self._identity.get_actor(user.id), address=address)
        self._audit.note(actor, Action.IDENTITY_ADDED, _subject(actor), {"provider": person.issuer})
        self._session.commit()
        log.info("%s is %r of %s from now on", user.email, person.subject, person.issuer)
        return user.id

    def _create(self, email: str, address: str | None) -> User:
        if not self._organization:
            raise NotSignedIn(f"There is no user {email} here. Ask an administrator to add you.")
        try:
            return self._identity.create_user(
                email.lower(), role=self._role, organization=self._organization, signs_in=True, address=address
            )
        except InvalidInput as error:
            # Somebody with that address came in at the same moment, or it is none.
            found = find_user(self._identity, email)
            if found is None:
                raise NotSignedIn(f"{email} cannot become a user here: {error.detail}") from None
            return found


def _subject(actor: Actor) -> Subject:
    return Subject("user", actor.user_id, actor.email)
