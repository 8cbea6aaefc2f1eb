"""What came of all jobs of a batch, as one file of JSON Lines."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from sqlalchemy import update

from jobsapp.core.actors import Actor
from jobsapp.core.batches import status_of
from jobsapp.core.rights import Right
from jobsapp.models import Batch, StoredFile
from jobsapp.services.batches import Batches
from jobsapp.services.files import Files
from jobsapp.services.sessions import DbSession, driver
from jobsapp.storage.local import Receiver
from jobsapp.store import batches as store

PAGE = 1000


class BatchResults:
    def __init__(self, session: DbSession, files: Files, batches: Batches) -> None:
        self._session = session
        self._files = files
        self._batches = batches

    def collect(self, actor: Actor, batch_id: UUID) -> tuple[StoredFile, bool]:
        """The file with a line for each job in the order of creation: `{id, name, type, status, result, error}`.

        It is made now, in pieces, unless it was made since the batch ended: then False. An older one goes when uploads
        go that no job reads. Raises NotFound and Forbidden.
        """
        batch = self._batches.get(actor, batch_id)
        actor.require(Right.CREATE, "collect the results of batches")
        state = store.states(driver(self._session), [batch_id], organization_id=actor.organization_id)[0]
        if (known := self._known(state)) is not None:
            return known, False
        name, moment = f"{batch.name[:100]} results.jsonl", state.now
        received = self._files.receiver()
        try:
            self._write(actor, batch_id, received)
            file = self._files.keep(received, name, organization_id=actor.organization_id)
        finally:
            received.close()
        self._session.execute(update(Batch).where(Batch.id == batch_id).values(results_id=file.id, results_at=moment))
        self._session.commit()
        return file, True

    def _known(self, state: store.BatchState) -> StoredFile | None:
        ended = status_of(state.tally, closed=state.closed_at is not None) != "running"
        fresh = state.results_at is not None and (state.counted_at is None or state.counted_at < state.results_at)
        if not (ended and fresh) or state.results_id is None:
            return None
        return self._session.get(StoredFile, state.results_id)

    def _write(self, actor: Actor, batch_id: UUID, received: Receiver) -> None:
        after: UUID | None = None
        while True:
            rows = store.results(
                driver(self._session), batch_id, organization_id=actor.organization_id, after=after, limit=PAGE
            )
            # No snapshot is held while the rest is written.
            self._session.commit()
            received.write(b"".join(map(_line, rows)))
            if len(rows) < PAGE:
                return
            after = rows[-1].id


def _line(row: store.ResultRow) -> bytes:
    error = None if row.error_message is None else {"type": row.error_type, "message": row.error_message}
    said: dict[str, Any] = {
        "id": str(row.id),
        "name": row.name,
        "type": row.type,
        "status": row.status,
        "result": row.result,
        "error": error,
    }
    return json.dumps(said, ensure_ascii=False).encode(errors="replace") + b"\n"
