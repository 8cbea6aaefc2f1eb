"""Named in JOBSAPP_PROCESSORS by a test: a worker that loads it commits small batches, with time between them, and
carries large files slowly, as if to another file system."""

import time

from jobsapp.processors.bulk_operation import engine, file_work

SECONDS = 0.1
committed = engine.Engine._committed


def slowly(self, send, batch):
    committed(self, send, batch)
    time.sleep(SECONDS)


def read_slowly(self, fd, out, total, start, part):
    if total > 1 << 20 and out >= 0:
        self._at = lambda share, at=self._at: (at(share), time.sleep(SECONDS))
    return digest(self, fd, out, total, start, part)


engine.BATCH = 100
engine.Engine._committed = slowly  # type: ignore[method-assign]
digest = file_work.FileWork._digest
file_work.FileWork._digest = read_slowly  # type: ignore[method-assign]
file_work._linked = lambda places, fd: False
