"""The job types that the benchmarks run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.peer_functions import WORK_SECONDS
from jobsapp.processors.sdk import Context, Input, Processor


class Empty(Processor):
    type = "empty"
    title = "Empty"

    class Input(Input):
        n: int = 0

    def run(self, data: Any, context: Context) -> Any:
        return None


class Work(Processor):
    type = "work"
    title = "Ten milliseconds of work"

    class Input(Input):
        pass

    def run(self, data: Any, context: Context) -> Any:
        time.sleep(WORK_SECONDS)


class Nap(Processor):
    type = "nap"
    title = "Nap"

    class Input(Input):
        seconds: float = 0
        mark: str = ""

    def run(self, data: Any, context: Context) -> Any:
        if data.mark:
            Path(data.mark).touch()
            time.sleep(data.seconds)


class Clock(Processor):
    type = "clock"
    title = "Clock"

    class Input(Input):
        pass

    def run(self, data: Any, context: Context) -> Any:
        return time.time()
