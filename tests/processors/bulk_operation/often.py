"""Named in JOBSAPP_PROCESSORS by a test: a worker that loads it commits small batches, with time between them."""

import time

from jobsapp.processors.bulk_operation import importing

SECONDS = 0.1
committed = importing.Import._committed


def slowly(self, send, batch):
    committed(self, send, batch)
    time.sleep(SECONDS)


importing.FULL = 100
importing.Import._committed = slowly  # type: ignore[method-assign]
