"""Side effects that leave after COMMIT, and never if the transaction is rolled back."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

log = logging.getLogger(__name__)

KEY = "jobsapp.after_commit"


def after_commit(session: Session, effect: Callable[[], object]) -> None:
    """Run `effect` once the session's transaction is committed; drop it on rollback.

    A failing effect is logged and harms neither the others nor the caller: the change is committed. The effect
    must not use the session. Rolling back a savepoint alone does not drop it, so let it be a hint, not a fact.
    """
    session.info.setdefault(KEY, []).append(effect)


@event.listens_for(Session, "after_commit")
def _run(session: Session) -> None:
    if session.get_nested_transaction() is not None:
        return
    for effect in session.info.pop(KEY, []):
        try:
            effect()
        except Exception:
            log.exception("an effect after the commit failed")


@event.listens_for(Session, "after_transaction_end")
def _drop(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(KEY, None)
