"""What came of attempts, written down: in the turn that claims the next jobs, and again if PostgreSQL was away."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from jobsapp.bus.hints import Hints
from jobsapp.core.events import Event, JobChanged
from jobsapp.core.ids import new_id
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.runtime.context import MadeFile
from jobsapp.runtime.house import House
from jobsapp.runtime.settle import announcement
from jobsapp.store import files as file_store
from jobsapp.store.connect import CUT_OFF, connect
from jobsapp.store.jobs import ClaimedJob, add_artifact, due_queues, make_due, waiting_organizations
from jobsapp.store.limits import claim_within_limits
from jobsapp.store.turns import FIRST, NOTHING, Ended, Turn, take_turn

log = logging.getLogger(__name__)

PERSIST_SECONDS = 60.0
RECONNECT_SECONDS = 0.5


class Ledger:
    """Of one work-horse, for the thread that runs its jobs."""

    def __init__(self, house: House, hints: Hints, worker: str) -> None:
        self._house, self._hints, self._worker = house, hints, worker
        self.connection = self._connect()
        self._last: dict[str, UUID] = {}

    def close(self) -> None:
        self.connection.close()

    def claim(self, queue: str, limit: int) -> list[ClaimedJob]:
        """Up to `limit` due jobs of `queue`. Raises one of CUT_OFF."""
        try:
            turn = self._take_turn([], queue, limit)
        except CUT_OFF:
            # The server may have restarted since the last drain.
            self._reconnect()
            turn = self._take_turn([], queue, limit)
        return self._told(turn, [])

    def write(self, ended: Sequence[Ended], queue: str, limit: int) -> list[ClaimedJob]:
        """Write what came of jobs, and claim the next. Raises one of CUT_OFF after `PERSIST_SECONDS`.

        A database that is away is waited for, since the work is done and must not be lost.
        """
        return self._told(self._persistently(ended, {}, queue, limit), ended)

    def store(self, made: Sequence[MadeFile]) -> dict[UUID, MadeFile]:
        """Bring files to their places: all of them, or none. Raises OSError."""
        stored: dict[UUID, MadeFile] = {}
        try:
            for file in made:
                file_id = new_id()
                self._house.storage.adopt(file.path, file_id)
                stored[file_id] = file
        except OSError:
            for file_id in stored:
                self._house.storage.delete(file_id)
            raise
        return stored

    def write_with_artifacts(self, ended: Sequence[Ended], stored: dict[UUID, MadeFile]) -> str | None:
        """The same for a job that made files, the last of `ended`: they are registered if it was still ours.

        Returns what that job is now, or None if it was not ours any more.
        """
        try:
            turn = self._persistently(ended, stored, "", 0)
        except BaseException:
            self._drop_unregistered(stored)
            raise
        status = {changed.id: changed.status for changed in turn.finished}.get(ended[-1].job_id)
        if status is None:
            self._drop_unregistered(stored)
        self._told(turn, ended)
        return status

    def _persistently(self, ended: Sequence[Ended], files: dict[UUID, MadeFile], queue: str, limit: int) -> Turn:
        deadline = time.monotonic() + PERSIST_SECONDS
        while True:
            try:
                return self._write(ended, files) if files else self._take_turn(ended, queue, limit)
            except psycopg.DataError:
                if len(ended) < 2:
                    raise
                return self._one_by_one(ended, files)
            except CUT_OFF as error:
                if not ended or time.monotonic() > deadline:
                    raise
                log.warning("the outcome of %s jobs is not written yet: %s", len(ended), error)
                time.sleep(RECONNECT_SECONDS)
                self._reconnect()

    def _one_by_one(self, ended: Sequence[Ended], files: dict[UUID, MadeFile]) -> Turn:
        """One of them cannot be kept as it is; the others must not suffer for it."""
        turn = Turn([], [])
        for one in ended:
            try:
                written = self._persistently([one], files if one is ended[-1] else {}, "", 0)
            except psycopg.DataError as error:
                failure = Failure("DataError", f"PostgreSQL cannot keep what came of the job: {error}")
                failed = one._replace(transition=Transition(Status.FAILED, "failed", failure=failure), said=NOTHING)
                written = self._persistently([failed], {}, "", 0)
            turn.finished.extend(written.finished)
        return turn

    def _take_turn(self, ended: Sequence[Ended], queue: str, limit: int) -> Turn:
        given: dict[str, Any] = {
            "queue": queue,
            "worker": self._worker,
            "lease_seconds": self._house.settings.lease_seconds,
            "after": self._last.get(queue) or self._first(queue, limit),
            "limit": limit,
        }
        turn = take_turn(self.connection, ended, **given)
        if turn.limited:
            turn = _joined(
                turn, claim_within_limits(self.connection, **given, types=self._house.registry.types_of(queue))
            )
        elif limit and not turn.claimed and make_due(self.connection):
            turn = _joined(turn, take_turn(self.connection, [], **given))
        if turn.claimed:
            self._last[queue] = turn.last
        elif limit and ended:
            self._tell_of_room(queue)
        return turn

    def _tell_of_room(self, queue: str) -> None:
        """What ended here may have been what other queues waited for: a limit of their type or organisation."""
        for other in due_queues(self.connection, under_limits=True):
            if other != queue:
                self._hints.wake(other)

    def _first(self, queue: str, limit: int) -> UUID:
        """Where the turns of a queue begin: not with the same organisation for all workers."""
        lanes = waiting_organizations(self.connection, queue) if limit else []
        return random.choice(lanes) if lanes else FIRST  # noqa: S311 - to spread them

    def _write(self, ended: Sequence[Ended], files: dict[UUID, MadeFile]) -> Turn:
        last = ended[-1]
        with self.connection.transaction():
            turn = self._take_turn(ended, "", 0)
            if any(changed.id == last.job_id for changed in turn.finished):
                for file_id, made in files.items():
                    add_artifact(
                        self.connection,
                        job_id=last.job_id,
                        attempt=last.attempt,
                        file_id=file_id,
                        name=made.name,
                        size=made.stored.size,
                        media_type=made.media_type,
                        sha256=made.stored.sha256,
                    )
            return turn

    def _told(self, turn: Turn, ended: Sequence[Ended]) -> list[ClaimedJob]:
        """Tell of all that the turn moved. Returns what it claimed."""
        tell(self._hints, turn, ended)
        return turn.claimed

    def _drop_unregistered(self, files: dict[UUID, Any]) -> None:
        """A COMMIT whose answer was lost may have registered them. What cannot be asked is left to the sweep."""
        with suppress(psycopg.Error):
            registered = file_store.registered(self.connection, list(files))
            for file_id in files.keys() - registered:
                self._house.storage.delete(file_id)

    def _connect(self) -> psycopg.Connection[Any]:
        return connect(self._house.settings.database_url, f"jobsapp {self._worker}")

    def _reconnect(self) -> None:
        self.connection.close()
        try:
            self.connection = self._connect()
        except psycopg.OperationalError as error:
            log.warning("PostgreSQL is away: %s", error)


def _joined(turn: Turn, claim: Turn) -> Turn:
    return replace(turn, claimed=claim.claimed, last=claim.last)


def tell(hints: Hints, turn: Turn, ended: Sequence[Ended]) -> None:
    """Say what the turn moved, and wake the queues of what can run again now."""
    changes = [announcement(changed) for changed in turn.finished]
    changes += [JobChanged(job.id, job.organization_id, Event.UPDATE, job.revision) for job in turn.claimed]
    if changes:
        hints.publish(changes)
    for job_id in {one.job_id for one in ended} - {changed.id for changed in turn.finished}:
        log.warning("job %s belongs to another worker now; nothing written", job_id)
    now = datetime.now(UTC)
    later = {one.job_id for one in ended if one.transition.run_at and one.transition.run_at > now}
    for queue in {c.queue for c in turn.finished if c.status == Status.PENDING and c.id not in later}:
        hints.wake(queue)
