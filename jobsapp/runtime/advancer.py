"""Brings on what follows from the end of jobs, beside the keeper that leads, on a thread and connections of its own.

A trigger leaves a row for each job that somebody follows, in the transaction that ends it. Here the oldest are taken
out and given to each follower, in one transaction with what they make of it: so each thing follows once, or is tried
again. PostgreSQL calls when there is something (NOTIFY); every second it is looked anyway.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import func, select

from jobsapp.services.sessions import DbSession, driver, is_away
from jobsapp.store import outbox
from jobsapp.store.outbox import EndedJob

log = logging.getLogger(__name__)

ROUNDS = 10
MOST = ROUNDS * outbox.TAKEN_AT_ONCE


class Follower(Protocol):
    """Makes something of the ends of jobs, in the session's transaction, and never commits."""

    def absorb(self, ended: Sequence[EndedJob]) -> None: ...


class Clock(Protocol):
    """Has something to do when its time comes, a bounded piece of it in the session's transaction; never commits."""

    def tick(self, now: datetime) -> None: ...


class Advancer:
    """`followers` in their order; `clocks` by their names. Use it from one thread."""

    def __init__(self, session: DbSession, followers: Sequence[Follower], clocks: dict[str, Clock]) -> None:
        self._session = session
        self._followers = followers
        self._clocks = clocks

    def advance(self) -> int:
        """Bring on what is there, MOST rows of it: clocks must not wait for more. Returns how many rows were taken.

        Raises what `is_away` tells of.
        """
        taken = 0
        for _ in range(ROUNDS):
            try:
                rows = self._take()
            except Exception as error:
                if is_away(error):
                    raise
                log.exception("what follows from the end of jobs failed; they are taken one at a time")
                rows = self._one_by_one()
            taken += len(rows)
            if len(rows) < outbox.TAKEN_AT_ONCE:
                break
        return taken

    def tick(self, called: Collection[str] | None = None) -> None:
        """Let each clock do what is due, or those that were `called`. One that fails does not keep the others from it.

        Raises what `is_away` tells of.
        """
        for name, clock in self._clocks.items():
            if called is not None and name not in called:
                continue
            try:
                clock.tick(self._session.execute(select(func.now())).scalar_one())
                self._session.commit()
            except Exception as error:
                if is_away(error):
                    raise
                log.exception("%s failed", name)
            finally:
                self._session.remove()

    def _take(self, only: int | None = None) -> list[EndedJob]:
        try:
            rows = outbox.take(driver(self._session), only=only)
            for follower in self._followers if rows else ():
                follower.absorb(rows)
            self._session.commit()
            return rows
        finally:
            # Rolled back if it was not committed.
            self._session.remove()

    def _one_by_one(self) -> list[EndedJob]:
        """One of them cannot be followed; the others must not wait for it."""
        try:
            rows = outbox.take(driver(self._session))
        finally:
            self._session.remove()
        for row in rows:
            try:
                self._take(only=row.id)
            except Exception as error:
                if is_away(error):
                    raise
                log.exception("what follows from the end of job %s failed", row.job_id)
                self._postpone(row, error)
        return rows

    def _postpone(self, row: EndedJob, error: Exception) -> None:
        try:
            again = outbox.postpone(driver(self._session), row.id, f"{type(error).__name__}: {error}"[:2000])
            self._session.commit()
        finally:
            self._session.remove()
        if not again:
            log.error("row %s of job_outbox failed %s times and is set aside", row.id, outbox.MOST_TRIES)
