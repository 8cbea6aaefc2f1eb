"""Small job types for tests: each does one thing that a real one may do."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from pydantic import Field

from jobsapp.processors.sdk import Context, FileId, Input, Permanent, Processor, Retry, RetryPolicy

QUICK = RetryPolicy(attempts=3, first=0.01, ceiling=0.05)


class Echo(Processor):
    type = "echo"
    title = "Echo"

    class Input(Input):
        text: str = "hello"

    def run(self, data: Any, context: Context) -> Any:
        context.log(f"echoing {data.text}")
        context.progress(1, 1, "Echoed")
        return {"text": data.text}


class Steps(Processor):
    """Counts to `steps`, waiting for a file to appear before each, so that a test can walk it along."""

    type = "steps"
    title = "Steps"
    retry = QUICK

    class Input(Input):
        steps: int = Field(5, ge=1)
        gate: str = ""
        seconds: float = 0.0

    def run(self, data: Any, context: Context) -> Any:
        start = int((context.last_checkpoint or {}).get("done", 0))  # type: ignore[union-attr]
        for step in range(start, data.steps):
            while data.gate and not Path(f"{data.gate}.{step}").exists():
                context.check_cancelled()
                time.sleep(0.01)
            time.sleep(data.seconds)
            context.check_cancelled()
            context.progress(step + 1, data.steps, f"Step {step + 1}")
            context.checkpoint({"done": step + 1})
        return {"steps": data.steps, "resumedAt": start}


class Measure(Processor):
    """Measures two series; an attempt goes on where the last one was, or dies at `dies_at`."""

    type = "measure"
    title = "Measure"
    retry = QUICK

    class Input(Input):
        steps: int = 10
        dies_at: int = -1

    def run(self, data: Any, context: Context) -> Any:
        start = int((context.last_checkpoint or {}).get("done", 0))  # type: ignore[union-attr]
        for step in range(start, data.steps):
            context.metric("loss/train", 1 / (step + 1), step)
            context.metric("loss/validation", 2 / (step + 1), step)
            if step == data.dies_at and context.attempt == 1:
                context.checkpoint({"done": step - 2})
                raise RuntimeError("died")
        with context.artifact("rows.csv") as artifact:
            artifact.path.write_text("name,size\nAna,3\n<b>Bo</b>,4\n")
        with context.artifact("dot.svg") as artifact:
            artifact.path.write_text(
                '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
            )
        return {"attempt": context.attempt}


class Fail(Processor):
    type = "fail"
    title = "Failure"
    retry = QUICK

    class Input(Input):
        how: str = "error"
        until_attempt: int = 1000

    def run(self, data: Any, context: Context) -> Any:
        if context.attempt >= data.until_attempt:
            return {"attempt": context.attempt}
        match data.how:
            case "permanent":
                raise Permanent("nothing can help")
            case "retry":
                raise Retry("try later", after=0.01)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError(f"attempt {context.attempt} failed")


class MakeFile(Processor):
    type = "make-file"
    title = "File maker"
    retry: ClassVar[RetryPolicy] = RetryPolicy(attempts=1)

    class Input(Input):
        text: str = "content"
        source: FileId | None = None
        fail: bool = False

    def run(self, data: Any, context: Context) -> Any:
        text = context.file(data.source).path.read_text() if data.source else data.text
        with context.artifact("made.txt") as artifact:
            artifact.path.write_text(text)
            if data.fail:
                raise ValueError("failed while writing")
        return {"characters": len(text)}


def read(context: Context, file_id: UUID) -> str:
    return context.file(file_id).path.read_text()


class Odd(Processor):
    """Says what nobody should say, forks what nobody waits for."""

    type = "odd"
    title = "Odd"
    retry: ClassVar[RetryPolicy] = RetryPolicy(attempts=2, first=0.01)

    class Input(Input):
        how: str

    def run(self, data: Any, context: Context) -> Any:
        match data.how:
            case "progress":
                context.progress(10**400, 10**401, ValueError("no text"))  # type: ignore[arg-type]
                context.progress("x", object(), b"bytes")  # type: ignore[arg-type]
                time.sleep(0.6)
            case "parents":
                return [
                    [one.name, one.status, one.result, *(read(context, file) for file in one.artifacts.values())]
                    for one in context.parents()
                ]
            case "checkpoint":
                context.checkpoint({"loss": float("nan")})
            case "result":
                return {"half": "\ud800"}
            case "orphan" if context.attempt == 1:
                if os.fork() == 0:
                    time.sleep(600)
                    os._exit(0)
                os.kill(os.getpid(), signal.SIGKILL)
        return {"attempt": context.attempt}


class NotInstalled(Processor):
    type = "not-installed"
    title = "Not installed"
    requires = ("a_module_that_does_not_exist",)
    extra = "nothing"

    class Input(Input):
        pass

    def run(self, data: Any, context: Context) -> Any:
        raise AssertionError("never runs")


class Keeps(Processor):
    """Leaves a file for the next attempt, until attempt `until`, which tells what it found."""

    type = "keeps"
    title = "Keeper of things"
    retry = QUICK

    class Input(Input):
        until: int = 1000
        how: str = "retry"

    def run(self, data: Any, context: Context) -> Any:
        found = sorted(path.name for path in context.keepdir.iterdir())
        (context.keepdir / str(context.attempt)).touch()
        if context.attempt >= data.until:
            return {"found": found}
        raise Permanent("over") if data.how == "permanent" else Retry("again", after=60)


class Stubborn(Processor):
    """Does not stop, in several ways. `litter` is a file for the pids of processes that it starts and leaves, `begun`
    one that tells that a loop has begun."""

    type = "stubborn"
    title = "Stubborn"
    retry: ClassVar[RetryPolicy] = RetryPolicy(attempts=2, first=0.2, jitter=0.0)
    cancel_grace = 0.5

    class Input(Input):
        how: str = "return"
        seconds: float = 600.0
        mark: str = ""
        begun: str = ""
        litter: str = ""

    def run(self, data: Any, context: Context) -> Any:
        if data.litter:
            leave_children(Path(data.litter))
        end = time.monotonic() + data.seconds
        match data.how:
            case "return" if data.mark:
                with Path(data.mark).open("a") as file:
                    file.write("r")
            case "raise":
                raise ValueError("on purpose")
            case "hold":
                hold_the_interpreter(data.seconds)
            case "listen":
                while time.monotonic() < end:
                    context.check_cancelled()
                    time.sleep(0.01)
            case "swallow":
                sleep_deaf(end)
            case "loop":
                try:
                    Path(data.begun or os.devnull).touch()
                    while time.monotonic() < end:
                        pass
                finally:
                    with Path(data.mark or os.devnull).open("a") as file:
                        file.write("c")
        return {"how": data.how}


class Hurried(Stubborn):
    type = "hurried"
    title = "Hurried"
    timeout = 0.6


def sleep_deaf(end: float) -> None:
    """Until `end` on the monotonic clock, whatever is raised meanwhile."""
    try:
        while time.monotonic() < end:
            time.sleep(0.01)
    except BaseException:
        sleep_deaf(end)


def hold_the_interpreter(seconds: float) -> None:
    """A library call that keeps the GIL and that no signal ends: a mutex locked twice."""
    libc = ctypes.PyDLL(None)
    mutex, moment = ctypes.create_string_buffer(64), (ctypes.c_long * 2)(int(time.time() + seconds), 0)
    for _ in range(2):
        libc.pthread_mutex_timedlock(mutex, moment)


def leave_children(litter: Path) -> None:
    """A child, its child, and one that hides in a session of its own, whose parent is gone."""
    pid = "import os; print(os.getpid(), flush=True)"
    idle = "import time; time.sleep(600)"
    beget = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {f'{pid}; {idle}'!r}])"
    daemon = f"import os; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); {pid}; {idle}"
    with litter.open("ab") as file:
        for code in (f"{pid}; {beget}; {idle}", daemon):
            subprocess.Popen([sys.executable, "-c", code], stdout=file)
    while len(litter.read_text().split()) < 3:
        time.sleep(0.01)
