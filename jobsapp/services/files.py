"""Uploads and artifacts: registering, finding and giving back stored files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from jobsapp.core.actors import Actor, Guest, Reader
from jobsapp.core.ids import new_id
from jobsapp.core.names import display_name, media_type_of
from jobsapp.core.rights import Right
from jobsapp.core.sniff import checked
from jobsapp.errors import NotFound, TooLarge
from jobsapp.models import StoredFile
from jobsapp.services.sessions import DbSession
from jobsapp.storage import LocalStorage, Receiver


class Files:
    def __init__(self, session: DbSession, storage: LocalStorage, max_bytes: int) -> None:
        self._session = session
        self._storage = storage
        self._max_bytes = max_bytes

    def receiver(self) -> Receiver:
        """Where the bytes of an upload go while they arrive."""
        return self._storage.receiver()

    def forget_kept(self, job_id: UUID) -> None:
        """Remove what the attempts of a job left for the next one: there will be none."""
        self._storage.remove_keepdir(job_id)

    def register(self, actor: Actor, received: Receiver, name: str) -> StoredFile:
        """Keep an upload that has arrived whole, and commit. `name` is for people; it is never used as a path.

        Raises Forbidden and TooLarge.
        """
        actor.require(Right.CREATE, "upload files")
        size = received.finish().size
        if size > self._max_bytes:
            raise TooLarge(f"A file may have {self._max_bytes:,} bytes, this one has {size:,}.")
        return self.keep(received, name, organization_id=actor.organization_id, user_id=actor.user_id)

    def keep(self, received: Receiver, name: str, *, organization_id: UUID, user_id: UUID | None = None) -> StoredFile:
        """As `register`, without asking whether it may be. `user_id` None: nobody uploaded it."""
        stored = received.finish()
        name = display_name(name)
        file = StoredFile(
            id=new_id(),
            organization_id=organization_id,
            user_id=user_id,
            name=name,
            size=stored.size,
            media_type=checked(media_type_of(name), received.head),
            sha256=stored.sha256,
        )
        self._storage.adopt(received.path, file.id)
        received.close()
        self._session.add(file)
        try:
            self._session.commit()
        except Exception:
            self._storage.delete(file.id)
            raise
        return file

    def get(self, reader: Reader, file_id: UUID) -> StoredFile:
        """Raises NotFound for a file that does not exist, belongs to another organisation, or to a guest's other job.

        What a job read is none of the files it made, so a guest does not get it.
        """
        file = self._session.get(StoredFile, file_id)
        if file is None or not _may_read(reader, file):
            raise NotFound(f"There is no file {file_id}.")
        return file

    def artifacts(self, job_id: UUID, *, after: UUID | None = None, limit: int) -> list[StoredFile]:
        """Files that the job made, oldest first, from after that one on. The caller checks who may see the job."""
        query = select(StoredFile).where(StoredFile.job_id == job_id)
        if after is not None:
            query = query.where(StoredFile.id > after)
        return list(self._session.scalars(query.order_by(StoredFile.id).limit(limit)))

    def find(self, actor: Actor, file_ids: Sequence[UUID]) -> list[StoredFile]:
        """Those of these files that belong to the actor's organisation, oldest first."""
        if not file_ids:
            return []
        query = select(StoredFile).where(
            StoredFile.id.in_(file_ids), StoredFile.organization_id == actor.organization_id
        )
        return list(self._session.scalars(query.order_by(StoredFile.id)))

    def names(self, actor: Actor, file_ids: Iterable[UUID]) -> dict[UUID, str]:
        """The names, by id, of those that are files of the actor's organisation."""
        wanted = list(file_ids)
        if not wanted:
            return {}
        query = select(StoredFile.id, StoredFile.name).where(
            StoredFile.id.in_(wanted), StoredFile.organization_id == actor.organization_id
        )
        return {row.id: row.name for row in self._session.execute(query)}

    def path(self, file: StoredFile) -> Path:
        """Where the bytes are."""
        return self._storage.path(file.id)


def _may_read(reader: Reader, file: StoredFile) -> bool:
    if isinstance(reader, Guest):
        return (reader.home_id, reader.job_id) == (file.organization_id, file.job_id)
    return reader.organization_id == file.organization_id
