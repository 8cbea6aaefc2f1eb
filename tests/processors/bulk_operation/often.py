"""Named in JOBSAPP_PROCESSORS by a test: a worker that loads it commits small batches, with time between them."""

import time

from jobsapp.processors.bulk_operation import engine

SECONDS = 0.1
committed = engine.Engine._committed


def slowly(self, send, batch):
    committed(self, send, batch)
    time.sleep(SECONDS)


engine.BATCH = 100
engine.Engine._committed = slowly  # type: ignore[method-assign]
