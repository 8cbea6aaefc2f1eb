"""Tokens that open one job, for reading: `embed` for a page of another site, `share` behind a link.

All times are the database's. A token is shown once and kept as SHA-256; revoking deletes its row.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import joinedload

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor, Guest
from jobsapp.core.audit import Action
from jobsapp.core.ids import new_id
from jobsapp.errors import InvalidInput, NotFound
from jobsapp.models import Job, JobToken
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.sessions import DbSession

# Tokens of the API begin with `jobsapp_`: neither is ever taken for the other.
PREFIX = "jobsapp-job_"
EMBED, SHARE = "embed", "share"
SHOWN = 100
LAST_USED_STEP = timedelta(minutes=5)


class Lifetime(NamedTuple):
    """How long tokens of a kind live, if nobody says, and at most."""

    default: timedelta
    longest: timedelta


LIFETIMES = {
    EMBED: Lifetime(timedelta(hours=1), timedelta(hours=24)),
    SHARE: Lifetime(timedelta(days=7), timedelta(days=90)),
}
SHORTEST = timedelta(minutes=1)


def is_job_token(token: str) -> bool:
    """Whether it looks like one, valid or not."""
    return token.startswith(PREFIX)


class JobTokens:
    def __init__(self, session: DbSession, hints: Hints) -> None:
        self._session = session
        self._hints = hints
        self._audit = Audit(session)

    def create(
        self, actor: Actor, job_id: UUID, kind: str, *, lifetime: timedelta | None = None
    ) -> tuple[JobToken, str]:
        """A new token for a job that the actor may change, and commit. The text is returned this once.

        Raises NotFound, Forbidden, and InvalidInput for a lifetime shorter than SHORTEST or longer than its kind has.
        """
        chosen = LIFETIMES[kind].default if lifetime is None else lifetime
        if not SHORTEST <= chosen <= LIFETIMES[kind].longest:
            most = int(LIFETIMES[kind].longest.total_seconds())
            least = int(SHORTEST.total_seconds())
            raise InvalidInput.of("expiresInSeconds", f"must be from {least} to {most:,} for {kind}.")
        # Held until the end: a cleanup that deletes the job waits, and takes the token with it.
        actor.require_change(self._see(actor, job_id, hold=True), "share")
        text = PREFIX + secrets.token_urlsafe(32)
        token = JobToken(
            id=new_id(),
            organization_id=actor.organization_id,
            job_id=job_id,
            kind=kind,
            secret_hash=_hash(text),
            created_by=actor.user_id,
            expires_at=func.now() + chosen,
        )
        self._session.add(token)
        self._note(actor, Action.SHARE_CREATED, job_id, kind)
        self._session.commit()
        return token, text

    def of_job(self, actor: Actor, job_id: UUID, kind: str | None = None) -> list[JobToken]:
        """The newest SHOWN tokens of the job that are in force, with their makers. Raises NotFound."""
        self._see(actor, job_id)
        query = select(JobToken).where(JobToken.job_id == job_id, JobToken.expires_at > func.now())
        if kind is not None:
            query = query.where(JobToken.kind == kind)
        newest = query.options(joinedload(JobToken.maker)).order_by(JobToken.id.desc()).limit(SHOWN)
        return list(self._session.scalars(newest))

    def revoke(self, actor: Actor, job_id: UUID, token_id: UUID) -> None:
        """End a token at once, with the sockets that hang on it, and commit. Raises NotFound and Forbidden.

        Those of one's own jobs and those one made oneself; others take the right to change jobs of others.
        """
        found = (
            JobToken.id == token_id,
            JobToken.job_id == job_id,
            JobToken.organization_id == actor.organization_id,
        )
        maker = self._session.scalar(select(JobToken.created_by).where(*found))
        if maker is not None:
            owner = actor.user_id if maker == actor.user_id else self._see(actor, job_id)
            actor.require_change(owner, "share")
        kind = self._session.scalar(delete(JobToken).where(*found).returning(JobToken.kind))
        if kind is None:
            raise NotFound(f"There is no token {token_id} of the job {job_id}; it may have been revoked already.")
        self._note(actor, Action.SHARE_REVOKED, job_id, kind)
        after_commit(self._session(), partial(self._hints.logins_ended, token_id))
        self._session.commit()

    def find(self, text: str, kind: str) -> Guest | None:
        """Who holds this token of that kind: one statement, and every LAST_USED_STEP another. None: nobody."""
        if not is_job_token(text):
            return None
        stale = func.coalesce(JobToken.last_used_at < func.now() - LAST_USED_STEP, True)
        row = self._session.execute(
            select(JobToken.id, JobToken.organization_id, JobToken.job_id, stale).where(
                JobToken.secret_hash == _hash(text), JobToken.kind == kind, JobToken.expires_at > func.now()
            )
        ).one_or_none()
        if row is None:
            return None
        token_id, organization_id, job_id, is_stale = row
        if is_stale:
            used = update(JobToken).where(JobToken.id == token_id).values(last_used_at=func.now())
            self._session.execute(used)
            self._session.commit()
        return Guest(token_id, job_id, organization_id)

    def living(self, token_ids: Iterable[UUID]) -> set[UUID]:
        """Those of these tokens that have not ended."""
        query = select(JobToken.id).where(JobToken.id.in_(token_ids), JobToken.expires_at > func.now())
        return set(self._session.scalars(query))

    def delete_expired(self) -> int:
        """Delete the tokens that nobody can use any more, and commit; returns how many."""
        expired = delete(JobToken).where(JobToken.expires_at <= func.now()).returning(JobToken.id)
        count = len(self._session.execute(expired).all())
        self._session.commit()
        return count

    def _note(self, actor: Actor, action: Action, job_id: UUID, kind: str) -> None:
        """Links alone: programs make tokens for embedding with each page that they show."""
        if kind == SHARE:
            name = self._session.scalar(select(Job.name).where(Job.id == job_id))
            self._audit.note(actor, action, Subject("job", job_id, name))

    def _see(self, actor: Actor, job_id: UUID, *, hold: bool = False) -> UUID | None:
        """Whose job it is."""
        query = select(Job.id, Job.user_id).where(Job.id == job_id, Job.organization_id == actor.organization_id)
        if hold:
            query = query.with_for_update(read=True, key_share=True)
        found = self._session.execute(query).one_or_none()
        if found is None:
            raise NotFound(f"There is no job {job_id}.")
        owner_id: UUID | None = found.user_id
        return owner_id


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
