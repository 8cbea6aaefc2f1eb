"""Prunes beside the keeper that leads, on a thread and a connection of its own: a rescue never waits for an archive."""

from __future__ import annotations

import logging
import threading
import time

from jobsapp.runtime.beside import Beside
from jobsapp.runtime.duties import prune
from jobsapp.runtime.duties.prune import Pruned
from jobsapp.runtime.house import House
from jobsapp.store.connect import CUT_OFF, connect

log = logging.getLogger(__name__)

PAUSE_SECONDS = 60.0
# How long a batch may take. With an archive it may take longer, so that there are not many small ones: meanwhile only
# jobs that have finished are locked.
BATCH_SECONDS = 0.25
ARCHIVE_SECONDS = 2.0
# After a batch the pruning rests four times as long as it took.
REST = 4.0
LONGEST_REST_SECONDS = 10.0
FIRST_BATCH = 100
SMALLEST_BATCH = 20


class Pruner(Beside):
    name = "pruner"

    def __init__(self, house: House) -> None:
        super().__init__(house)
        # By whether they are archived.
        self._batches = {False: FIRST_BATCH, True: FIRST_BATCH}

    def prune(self, *, at_once: bool = False) -> int:
        """Prune until nothing is due; returns how many jobs and uploads were deleted.

        `at_once`: also by rules that rest after their last pruning.
        """
        deleted, hints = 0, self._house.hints()
        # Opened anew each time: most of the time there is nothing to do, and a connection is dear to the server.
        with connect(self._house.settings.database_url, "jobsapp pruner") as connection:
            prune.plan(connection, self._house, at_once=at_once)
            while not self._stopping.is_set():
                began = time.monotonic()
                pruned = prune.tick(connection, self._house, hints, limits=self._batches)
                if pruned is None:
                    break
                took = time.monotonic() - began
                deleted += pruned.deleted
                self._measure(pruned, took)
                self._stopping.wait(min(LONGEST_REST_SECONDS, REST * took))
        return deleted

    def _measure(self, pruned: Pruned, took: float) -> None:
        kind = pruned.archived
        allowed = ARCHIVE_SECONDS if kind else BATCH_SECONDS
        full = pruned.deleted == self._batches[kind]
        self._batches[kind] = next_batch(self._batches[kind], took / allowed, full=full, late=pruned.late)

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                if deleted := self.prune():
                    log.info("deleted %s jobs and uploads that nobody keeps any longer", deleted)
            except CUT_OFF as error:
                log.warning("the pruning was cut off: %s", error)
            except Exception:
                log.exception("the pruning failed")
            stopping.wait(PAUSE_SECONDS)


def next_batch(batch: int, took: float, *, full: bool, late: bool) -> int:
    """How many to delete next. `took`: of the time allowed. Half as many if it was too long; twice as many if that is
    safe."""
    if late or took > 1:
        return max(SMALLEST_BATCH, batch // 2)
    return min(prune.BATCH, batch * 2) if full and took < 0.5 else batch
