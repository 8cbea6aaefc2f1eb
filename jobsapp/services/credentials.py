"""By what somebody gets into an account, ended all at once when it turns out whose it is, or when more hangs on it."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from sqlalchemy import delete

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.models import LoginLink, LoginSession, UserPassword
from jobsapp.services.sessions import DbSession


def end_credentials(session: DbSession, hints: Hints, user_id: UUID) -> None:
    """Delete the user's password, login links and sessions, without COMMIT; after it the open sockets are told.

    Accounts at providers stay: those are nobody's to give but the provider's. So do API tokens, which reach no further
    than the organisation they were made in.
    """
    for model in (LoginLink, LoginSession, UserPassword):
        session.execute(delete(model).where(model.user_id == user_id))
    after_commit(session(), partial(hints.logins_ended, user_id))
