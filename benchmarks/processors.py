"""The job types that the benchmarks run."""

from __future__ import annotations

import time
from typing import Any

from jobsapp.processors.sdk import Context, Input, Processor


class Empty(Processor):
    type = "empty"
    title = "Empty"

    class Input(Input):
        n: int = 0

    def run(self, data: Any, context: Context) -> Any:
        return None


class Clock(Processor):
    type = "clock"
    title = "Clock"

    class Input(Input):
        pass

    def run(self, data: Any, context: Context) -> Any:
        return time.time()
