"""What a wake-up runs in a work-horse: the drain of its queue."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jobsapp.bus.slate import Slate
from jobsapp.runtime.counts import Counts
from jobsapp.runtime.horse import Horse
from jobsapp.runtime.house import House
from jobsapp.runtime.memory import limit_memory
from jobsapp.store.connect import CUT_OFF

log = logging.getLogger(__name__)


@contextmanager
def warm_horse(
    house: House, worker: str, slate: Slate, *, counts: Counts | None = None
) -> Iterator[Callable[[str], bool]]:
    """A work-horse that stays: gives the function that drains a queue and says whether the horse should retire."""
    limit_memory(house.settings.job_memory_mb)
    with Horse(house, worker, slate, counts) as horse:

        def drain(queue: str) -> bool:
            try:
                horse.drain(queue)
            except CUT_OFF as error:
                log.warning("PostgreSQL is away; the keeper will wake the queue %s again: %s", queue, error)
            return horse.has_had_its_day

        yield drain
