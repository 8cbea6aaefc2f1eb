"""Named in JOBSAPP_PROCESSORS by a test: a worker that loads it takes a tenth of a second more for each step."""

import time
from typing import Any

from jobsapp.processors.fine_tuning import FineTuning


def run(self: FineTuning, data: Any, context: Any) -> Any:
    from jobsapp.processors.fine_tuning import loop

    original = loop.Loop._step

    def slow(self: loop.Loop) -> None:
        time.sleep(0.1)
        original(self)

    loop.Loop._step = slow  # type: ignore[method-assign]
    return original_run(self, data, context)


original_run = FineTuning.run
FineTuning.run = run  # type: ignore[method-assign]
