"""What leaves after the COMMIT of a statement that changed many jobs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.core.events import JobChanged, event_for
from jobsapp.core.states import Status
from jobsapp.services.files import Files
from jobsapp.services.sessions import DbSession
from jobsapp.store.jobs import ChangedJob


def tell(session: DbSession, hints: Hints, files: Files, changed: Sequence[ChangedJob]) -> None:
    """Let their news leave, wake the queues of those that wait again, and forget what cancelled ones had kept."""
    own = session()
    if news := [JobChanged(one.id, one.organization_id, event_for(one.status), one.revision) for one in changed]:
        after_commit(own, partial(hints.publish, news))
    for queue in sorted({one.queue for one in changed if one.status == Status.PENDING}):
        after_commit(own, partial(hints.wake, queue))
    for one in changed:
        if one.status == Status.CANCELLED:
            after_commit(own, partial(files.forget_kept, one.id))
