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


class Ticks(Processor):
    """Says ten times a second how far it is. The result: when, in seconds since 1970."""

    type = "ticks"
    title = "Ticks"

    class Input(Input):
        count: int = 100

    def run(self, data: Any, context: Context) -> Any:
        said = []
        for n in range(1, data.count + 1):
            time.sleep(0.1)
            said.append(time.time())
            context.progress(n, data.count, "Working")
        return said


class Clock(Processor):
    type = "clock"
    title = "Clock"

    class Input(Input):
        pass

    def run(self, data: Any, context: Context) -> Any:
        return time.time()
