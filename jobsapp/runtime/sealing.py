"""The secrets of a running job: opened for its processor, and kept out of all that is written of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from jobsapp.core.masks import Mask
from jobsapp.core.outcomes import Failed, Outcome, Succeeded
from jobsapp.core.sealing import SEALED, CannotOpen, Sealer, filled
from jobsapp.processors.sdk import JSON, Permanent
from jobsapp.store.jobs import ClaimedJob

OTHER_KEY = (
    "The secrets of this job cannot be read on this worker: they were sealed with another secret key. Give web and "
    "workers the same JOBSAPP_SECRET_KEY, or the same data folder, and create the job again."
)


class Sealing:
    """Of one attempt of a job that has secrets. Raises Permanent if they cannot be opened."""

    def __init__(self, job: ClaimedJob, sealer: Sealer) -> None:
        self._job_id, self._sealer = job.id, sealer
        try:
            secrets = sealer.open(job.id, job.data)
            self.last_checkpoint = _opened(job.id, job.checkpoint, sealer)
        except CannotOpen:
            raise Permanent(OTHER_KEY) from None
        self.data = filled(job.data, secrets)
        self.mask = Mask(secrets.values())

    def checkpoint(self, state: JSON) -> JSON:
        """As it is kept: sealed if there is a secret in it, which the next attempt may need."""
        return state if self.mask.json(state) == state else {SEALED: self._sealer.seal_json(self._job_id, state)}

    def outcome(self, outcome: Outcome) -> Outcome:
        """What came of the attempt, without the secrets."""
        if isinstance(outcome, Succeeded):
            return Succeeded(self.mask.json(outcome.result))
        if isinstance(outcome, Failed):
            failure = outcome.failure
            trace = failure.traceback and self.mask.text(failure.traceback)
            return outcome._replace(failure=failure._replace(message=self.mask.text(failure.message), traceback=trace))
        return outcome


def sealing_of(job: ClaimedJob, sealer: Callable[[], Sealer] | None) -> Sealing | None:
    """None for a job without secrets. Raises Permanent if there are some and they cannot be opened."""
    if not isinstance(job.data, dict) or SEALED not in job.data:
        return None
    if sealer is None:
        raise Permanent(OTHER_KEY)
    return Sealing(job, sealer())


def _opened(job_id: UUID, checkpoint: Any, sealer: Sealer) -> Any:
    if isinstance(checkpoint, dict) and checkpoint.keys() == {SEALED}:
        return sealer.open_json(job_id, checkpoint[SEALED])
    return checkpoint
