"""Deleting old finished jobs with their files, and old uploads that no job reads, in small batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from uuid import UUID

from sqlalchemy import select

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.archives import PARQUET
from jobsapp.core.audit import Action
from jobsapp.core.events import Event, JobChanged
from jobsapp.core.retention import FINISHED
from jobsapp.core.rights import Right
from jobsapp.core.states import Status
from jobsapp.errors import InvalidInput, Unavailable
from jobsapp.models import Job, Organization, StoredFile
from jobsapp.services.audit import Audit
from jobsapp.services.sessions import DbSession, driver
from jobsapp.services.walks import in_order
from jobsapp.storage import LocalStorage
from jobsapp.storage.archives import Archives
from jobsapp.storage.local import remove
from jobsapp.storage.parquet import has_pyarrow
from jobsapp.store import cleanup as store
from jobsapp.store.archives import archive_jobs
from jobsapp.store.retention import FIRST, old_part

BATCH = 500
STALE_SECONDS = 24 * 3600.0


class Cleanup:
    def __init__(self, session: DbSession, storage: LocalStorage, hints: Hints, archives: Archives) -> None:
        self._session = session
        self._storage = storage
        self._hints = hints
        self._archives = archives
        self._audit = Audit(session)

    def for_organization(self, actor: Actor, *, days: int) -> int:
        """Delete finished jobs of the actor's organisation older than `days`. Raises Forbidden."""
        actor.require(Right.ADMINISTER, "delete old jobs")
        self._audit.note(actor, Action.CLEANUP_BEGUN, details={"days": _days(days)})
        # Before the first batch, which may be rolled back: however it ends, it is known who began it.
        self._session.commit()
        deleted = self.delete(days=days, organization_id=actor.organization_id)
        self._audit.note(actor, Action.CLEANUP, details={"number": deleted, "days": days})
        self._session.commit()
        return deleted

    def for_everyone(self, *, days: int, archive: str | None = None) -> int:
        """The same for all organisations, by the command line. `archive`: see `archive_and_delete`; None: none."""
        deleted = self.archive_and_delete(days=days, kind=archive) if archive else self.delete(days=days)
        if deleted:
            self._audit.note(None, Action.CLEANUP, details={"number": deleted, "days": days, "archive": archive})
            self._session.commit()
        return deleted

    def count(self, *, days: int, organization_id: UUID | None = None) -> int:
        """How many jobs `delete` would delete at most."""
        return store.count_finished(driver(self._session), days=_days(days), organization_id=organization_id)

    def delete(self, *, days: int, organization_id: UUID | None = None) -> int:
        """Delete finished jobs older than `days`, of one organisation or of all; returns how many."""
        owners = self._organizations() if organization_id is None else [organization_id]
        return sum(self._delete(_days(days), owner, "") for owner in owners)

    def archive_and_delete(self, *, days: int, kind: str) -> int:
        """As `delete`, for all organisations, and write jobs to archives of that format first. Raises Unavailable."""
        if kind == PARQUET and not has_pyarrow():
            raise Unavailable("Parquet needs pyarrow, which is not installed here: install it, or choose jsonl.")
        try:
            return sum(self._delete(_days(days), owner, kind) for owner in self._organizations())
        except OSError as error:
            raise Unavailable(f"The archive cannot be written, so no more was deleted: {error}.") from error

    def _organizations(self) -> Sequence[UUID]:
        return self._session.scalars(select(Organization.id)).all()

    def _delete(self, days: int, owner: UUID, kind: str) -> int:
        """In the order of creation, a part in each transaction."""
        deleted, after, last = 0, FIRST, False
        while not last:
            with in_order(self._session):
                part = old_part(driver(self._session), owner, days=days, after=after, limit=BATCH)
            try:
                batch = self._delete_part(part.due, owner, days, kind)
            except store.BegunToRead:
                # The next look at the same part sees who reads.
                self._session.rollback()
                continue
            self._commit(batch)
            deleted += batch.deleted
            after, last = part.end(BATCH) or after, part.is_last(BATCH)
        return deleted

    def _delete_part(self, due: Sequence[UUID], owner: UUID, days: int, kind: str) -> store.Deleted:
        connection = driver(self._session)
        archive = partial(archive_jobs, connection, self._archives, organization_id=owner, kind=kind) if kind else None
        return store.delete_due(connection, due, organization_id=owner, statuses=FINISHED, days=days, before=archive)

    def chosen(self, actor: Actor, job_ids: Sequence[UUID], note: Callable[[int], None] | None = None) -> list[UUID]:
        """Delete those of the actor's jobs that have finished, and commit; returns which. The caller checks the right.

        One stays if an unfinished job reads a file of it, or if somebody else is changing it. `note`: called before the
        COMMIT with how many were deleted, unless none was.
        """
        batch = store.delete_chosen(driver(self._session), job_ids, organization_id=actor.organization_id)
        if batch.job_ids and note is not None:
            note(len(batch.job_ids))
        self._commit(batch)
        return batch.job_ids

    def count_uploads(self, *, days: int) -> int:
        """How many uploads `delete_uploads` would delete."""
        return store.count_unread_uploads(driver(self._session), days=_days(days))

    def delete_uploads(self, *, days: int) -> int:
        """Delete uploads of all organisations older than `days` that no job reads; returns how many."""
        deleted = 0
        while True:
            file_ids = store.delete_unread_uploads(driver(self._session), days=_days(days), limit=BATCH)
            self._session.commit()
            self._delete_bytes(file_ids)
            deleted += len(file_ids)
            if not file_ids:
                return deleted

    def sweep(self) -> int:
        """Remove bytes that belong to no row: left by a crash between storage and database. Returns how many."""
        removed = 0
        stale = list(self._storage.stale(STALE_SECONDS))
        unfinished = self._unfinished({path.name.partition(".")[0] for path in stale})
        for path in stale:
            if path.name.partition(".")[0] not in unfinished:
                remove(path)
                removed += 1
        for path in list(self._archives.stale(STALE_SECONDS)):
            remove(path)
            removed += 1
        for file_id in self._storage.stored_ids(STALE_SECONDS):
            if self._session.scalar(select(StoredFile.id).where(StoredFile.id == file_id)) is None:
                self._storage.delete(file_id)
                removed += 1
        return removed

    def _unfinished(self, names: Iterable[str]) -> set[str]:
        """Those that are ids of unfinished jobs: a pending one may need what an attempt left for the next."""
        ids = [UUID(name) for name in names if _is_id(name)]
        live = select(Job.id).where(Job.id.in_(ids), Job.status.in_([Status.PENDING, Status.ACTIVE]))
        return {str(job_id) for job_id in self._session.scalars(live)}

    def _commit(self, batch: store.Deleted) -> None:
        pairs = zip(batch.job_ids, batch.organization_ids, strict=True)
        if gone := [JobChanged(job_id, owner, Event.DELETED, 0) for job_id, owner in pairs]:
            after_commit(self._session(), partial(self._hints.publish, gone))
        self._session.commit()
        self._delete_bytes(batch.file_ids)

    def _delete_bytes(self, file_ids: Iterable[UUID]) -> None:
        """Only after the COMMIT: a row without its bytes cannot be mended, bytes without a row go with the sweep."""
        for file_id in file_ids:
            self._storage.delete(file_id)


def _is_id(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return True


def _days(days: int) -> int:
    if not 0 <= days <= 36500:
        raise InvalidInput.of("days", "must be from 0 to 36500.")
    return days
