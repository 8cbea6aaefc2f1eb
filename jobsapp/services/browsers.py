"""The browsers that somebody is signed in with: seeing them, and signing one out from another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import delete, func, select

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.agents import agent_name
from jobsapp.core.audit import Action
from jobsapp.errors import NotFound
from jobsapp.models import LoginSession
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.sessions import DbSession

SHOWN = 50


@dataclass(frozen=True)
class Browser:
    """`last_used_at` is exact to LAST_USED_STEP of `logins`."""

    id: UUID
    name: str
    signed_in_at: datetime
    last_used_at: datetime


class Browsers:
    def __init__(self, session: DbSession, hints: Hints) -> None:
        self._session = session
        self._hints = hints
        self._audit = Audit(session)

    def of_user(self, actor: Actor) -> list[Browser]:
        """The SHOWN that were used last, newest first."""
        mine = select(LoginSession).where(LoginSession.user_id == actor.user_id, LoginSession.expires_at > func.now())
        newest = mine.order_by(LoginSession.last_used_at.desc(), LoginSession.id.desc()).limit(SHOWN)
        return [
            Browser(one.id, agent_name(one.user_agent), one.created_at, one.last_used_at)
            for one in self._session.scalars(newest)
        ]

    def end(self, actor: Actor, login_id: UUID) -> None:
        """Sign one of the actor's browsers out, and commit. Raises NotFound."""
        ended = delete(LoginSession).where(LoginSession.id == login_id, LoginSession.user_id == actor.user_id)
        agent = self._session.scalar(ended.returning(LoginSession.user_agent))
        if agent is None:
            raise NotFound("This browser is not one of yours, or was signed out already.")
        subject = Subject("user", actor.user_id, actor.email)
        self._audit.note(actor, Action.BROWSER_SIGNED_OUT, subject, {"browser": agent_name(agent)})
        after_commit(self._session(), partial(self._hints.logins_ended, actor.user_id))
        self._session.commit()
