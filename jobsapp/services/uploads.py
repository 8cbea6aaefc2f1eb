"""What users uploaded: their own, and deleting what no job reads."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import aliased

from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.rights import Right
from jobsapp.errors import Conflict
from jobsapp.models import StoredFile
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.files import Files
from jobsapp.services.sessions import DbSession, driver
from jobsapp.storage import LocalStorage
from jobsapp.store import cleanup as store

LOOKED_AT = 20_000
"""A page looks at so many files of the organisation: artifacts and what others uploaded are among them."""


class Uploads:
    def __init__(self, session: DbSession, files: Files, storage: LocalStorage) -> None:
        self._session = session
        self._files = files
        self._storage = storage
        self._audit = Audit(session)

    def page(self, actor: Actor, *, before: UUID | None, limit: int) -> tuple[list[StoredFile], UUID | None]:
        """What the actor uploaded, newest first, and the id to give as `before` for the next page (None: no more).

        The page may be short, or empty, and not the last.
        """
        query = select(StoredFile).where(StoredFile.organization_id == actor.organization_id)
        if before is not None:
            query = query.where(StoredFile.id < before)
        query = query.order_by(StoredFile.id.desc())
        looked_at = aliased(StoredFile, query.limit(LOOKED_AT).subquery())
        own = select(looked_at).where(looked_at.user_id == actor.user_id, looked_at.job_id.is_(None))
        found = list(self._session.scalars(own.order_by(looked_at.id.desc()).limit(limit + 1)))
        if len(found) > limit:
            return found[:limit], found[limit - 1].id
        edge = query.with_only_columns(StoredFile.id).offset(LOOKED_AT - 1).limit(2)
        edges = list(self._session.scalars(edge))
        return found, edges[0] if len(edges) > 1 else None

    def delete(self, actor: Actor, file_id: UUID) -> None:
        """Delete an upload that no job reads, and commit. Raises NotFound, Forbidden and Conflict."""
        file = self._files.get(actor, file_id)
        own = file.user_id == actor.user_id
        right, whose = (Right.CREATE, "files") if own else (Right.CHANGE_JOBS, "files of others")
        actor.require(right, f"delete {whose}")
        subject, owner_id = Subject("file", file.id, file.name), file.user_id
        if file.job_id is not None:
            raise Conflict(f"The job {file.job_id} made this file: it is deleted with the job.")
        if not store.delete_uploads(driver(self._session), [file_id], organization_id=actor.organization_id):
            self._session.rollback()
            raise Conflict(
                "A job reads this file: it is deleted with the last job that does. Or a schedule names it: change or "
                "delete that first."
            )
        self._audit.note_others(actor, Action.UPLOAD_DELETED, subject, owner_id)
        self._session.commit()
        self._storage.delete(file_id)
