"""Passwords: signing in with one, setting and changing it. Kept as argon2id, with the library's parameters.

A wrong e-mail, a user without a password and a wrong password take the same steps, so the same time, and are answered
alike.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from threading import BoundedSemaphore
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func, update
from sqlalchemy.dialects.postgresql import insert

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.core import passwords as rules
from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.storable import is_storable
from jobsapp.errors import InvalidInput, NotSignedIn
from jobsapp.models import LoginSession, UserPassword
from jobsapp.services.audit import Audit
from jobsapp.services.identity import Identity
from jobsapp.services.sessions import DbSession
from jobsapp.services.spelling import find_user
from jobsapp.services.throttle import Throttle

# Nobody's: what is compared where there is no password. Its parameters are those of new ones, by a test.
DUMMY = "$argon2id$v=19$m=65536,t=3,p=4$OvM9qMuGSlswELVK1p+r9w$QKGb4ofgcSgbPgAO3SZUnM0wfPdjSP7Anxtht5Zqb/I"
NOBODY = UUID(int=0)
WRONG = "The e-mail address or the password is wrong."
# Each takes 64 MiB and all of a core for a moment: more at once would take the web process's memory.
AT_ONCE = 4


class Passwords:
    def __init__(
        self,
        session: DbSession,
        hints: Hints,
        identity: Identity,
        throttle: Throttle,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._session = session
        self._hints = hints
        self._audit = Audit(session)
        self._identity = identity
        self._throttle = throttle
        self._hasher = hasher or PasswordHasher()
        self._room = BoundedSemaphore(AT_ONCE)

    def check(self, email: str, password: str, address: str) -> Actor:
        """Who signs in with these, from that network address. Raises NotSignedIn and TooManyTries."""
        # Counted while there is room only for few: who sends a thousand at once has no thousand tries.
        with self._room, self._throttle.attempt(address, email):
            user = find_user(self._identity, email)
            user_id = NOBODY if user is None else user.id
            if not self._verify(user_id, password):
                raise NotSignedIn(WRONG)
            return self._identity.get_actor(user_id)

    def changed_at(self, actor: Actor) -> datetime | None:
        """When the actor's password was set. None: there is none."""
        row = self._session.get(UserPassword, actor.user_id)
        return None if row is None else row.changed_at

    def change(self, actor: Actor, *, old: str, new: str, address: str) -> None:
        """Set the actor's own password, and commit; all their browsers are signed out.

        `old` counts only if there is a password. Raises InvalidInput for `old` or `new`, and TooManyTries.
        """
        if self.changed_at(actor) is not None:
            self._prove(actor, old, address)
        self._set(actor.user_id, actor.email, new, by=actor)

    def set(self, email: str, new: str) -> None:
        """Set the password of a user as whoever runs the installation, and commit; all their browsers are signed out.

        Raises NotFound and InvalidInput.
        """
        user = self._identity.get_user(email)
        self._set(user.id, user.email, new, by=None)

    def _prove(self, actor: Actor, password: str, address: str) -> None:
        try:
            with self._room, self._throttle.attempt(address, actor.email):
                if not self._verify(actor.user_id, password):
                    raise NotSignedIn(WRONG)
        except NotSignedIn:
            raise InvalidInput.of("old", "is not your password.") from None

    def _verify(self, user_id: UUID, password: str) -> bool:
        row = self._session.get(UserPassword, user_id)
        kept = row.hash if row is not None else DUMMY
        fits = not rules.is_too_long(password) and is_storable(password)
        try:
            self._hasher.verify(kept if fits else DUMMY, rules.normal(password) if fits else "")
        except (VerificationError, InvalidHashError):
            return False
        if self._hasher.check_needs_rehash(kept):
            self._hash_anew(user_id, kept, password)
        return row is not None

    def _hash_anew(self, user_id: UUID, kept: str, password: str) -> None:
        same = update(UserPassword).where(UserPassword.user_id == user_id, UserPassword.hash == kept)
        self._session.execute(same.values(hash=self._hasher.hash(rules.normal(password))))
        self._session.commit()

    def _set(self, user_id: UUID, email: str, new: str, *, by: Actor | None) -> None:
        fault = "contains a character that cannot be kept." if not is_storable(new) else rules.fault(new, email)
        if fault is not None:
            raise InvalidInput.of("new", fault)
        with self._room:
            kept = self._hasher.hash(rules.normal(new))
        changed = {"hash": kept, "changed_at": func.now()}
        written = insert(UserPassword).values(user_id=user_id, **changed)
        self._session.execute(written.on_conflict_do_update(index_elements=[UserPassword.user_id], set_=changed))
        self._session.execute(delete(LoginSession).where(LoginSession.user_id == user_id))
        self._audit.note_account(user_id, Action.PASSWORD_SET, by=by)
        after_commit(self._session(), partial(self._hints.logins_ended, user_id))
        self._session.commit()
