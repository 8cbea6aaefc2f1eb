"""Jobs that write down themselves, outside the database, that they began and that they came to their end."""

from __future__ import annotations

import os
import signal
import time
from abc import abstractmethod
from contextlib import suppress
from typing import Any, ClassVar

from pydantic import Field

from jobsapp.processors.sdk import Context, Input, Processor, Retry, RetryPolicy
from jobsapp.runtime import ledger
from jobsapp.store.jobs import add_artifact
from tests.faults.books import END, START, note

# Many faults may hit one job: its allowance is not what is under test.
PATIENT = RetryPolicy(attempts=50, first=0.2, ceiling=1.0)
MIB = 1024 * 1024


class Booked(Processor):
    """Notes its start, works, notes its end; the result says which attempt it was."""

    retry: ClassVar[RetryPolicy] = PATIENT

    class Input(Input):
        book: str
        key: str

    def run(self, data: Any, context: Context) -> Any:
        note(data.book, START, data.key, context.attempt)
        self.work(data, context)
        note(data.book, END, data.key, context.attempt)
        return {"attempt": context.attempt}

    @abstractmethod
    def work(self, data: Any, context: Context) -> None:
        """What the job does between its two notes."""


class Short(Booked):
    """Takes no time."""

    type = "short"
    title = "Short"

    class Input(Booked.Input):
        pass

    def work(self, data: Any, context: Context) -> None:
        pass


class Long(Booked):
    """Takes a while. `deaf`: it never asks whether it should stop."""

    type = "long"
    title = "Long"

    class Input(Booked.Input):
        seconds: float = 1.0
        deaf: bool = False

    def work(self, data: Any, context: Context) -> None:
        end = time.monotonic() + data.seconds
        while time.monotonic() < end:
            time.sleep(0.01)
            if not data.deaf:
                context.check_cancelled()
            context.progress(data.seconds - (end - time.monotonic()), data.seconds)


class Poison(Booked):
    """Kills its work-horse, or its worker with it, whenever it runs."""

    type = "poison"
    title = "Poison"
    retry: ClassVar[RetryPolicy] = RetryPolicy(attempts=3)

    class Input(Booked.Input):
        whole_worker: bool = False

    def work(self, data: Any, context: Context) -> None:
        os.kill(os.getppid() if data.whole_worker else os.getpid(), signal.SIGKILL)
        time.sleep(60)


class Hungry(Booked):
    """Takes more and more memory, or is killed for it, on its first attempts."""

    type = "hungry"
    title = "Hungry"
    retry: ClassVar[RetryPolicy] = RetryPolicy(attempts=3, first=0.05)

    class Input(Booked.Input):
        attempts: int = 1
        killed: bool = False
        megabytes: int = Field(2048, ge=1)

    def work(self, data: Any, context: Context) -> None:
        if context.attempt > data.attempts:
            return
        if data.killed:
            # As the kernel does it when the machine's memory is gone.
            os.kill(os.getpid(), signal.SIGKILL)
        held = []
        for _ in range(data.megabytes // 16):
            held.append(bytearray(16 * MIB))


class Glutton(Booked):
    """Takes all memory there is, to the last bytes, keeps it for a while and gives it back."""

    type = "glutton"
    title = "Glutton"

    class Input(Booked.Input):
        seconds: float

    def work(self, data: Any, context: Context) -> None:
        # The place for all of them is there before: a list that grows would need memory itself.
        held: list[Any] = [None] * 300_000
        size, place = 16 * MIB, 0
        while size >= 64 and place < len(held):
            try:
                held[place] = bytearray(size if place < 256 else min(size, 1024))
                place += 1
            except MemoryError:
                size //= 2
        time.sleep(data.seconds)
        del held


class Maker(Booked):
    """Makes two files, the second of some size."""

    type = "maker"
    title = "Maker"
    retry: ClassVar[RetryPolicy] = RetryPolicy(attempts=1)

    class Input(Booked.Input):
        kib: int = 1

    def work(self, data: Any, context: Context) -> None:
        with context.artifact("small.txt") as small:
            small.path.write_text("small")
        with context.artifact("large.bin") as large, large.path.open("wb") as file:
            for _ in range(data.kib):
                file.write(b"x" * 1024)


class Flaky(Booked):
    """Fails at first and asks for another attempt after `after` seconds, or after what its policy says."""

    type = "flaky"
    title = "Flaky"
    retry: ClassVar[RetryPolicy] = RetryPolicy(attempts=5, first=1.0, jitter=0.0)

    class Input(Booked.Input):
        after: float | None = None

    def work(self, data: Any, context: Context) -> None:
        if context.attempt == 1:
            raise Retry("not yet", after=data.after) if data.after else ValueError("not yet")


class Freezer(Maker):
    """Freezes its work-horse at its first attempt, in the middle of the transaction that registers its files."""

    type = "freezer"
    title = "Freezer"
    retry: ClassVar[RetryPolicy] = PATIENT

    def work(self, data: Any, context: Context) -> None:
        super().work(data, context)
        if context.attempt == 1:
            ledger.add_artifact = _freeze_and_add  # type: ignore[assignment]


def _freeze_and_add(*given: Any, **named: Any) -> None:
    ledger.add_artifact = add_artifact
    os.kill(os.getpid(), signal.SIGSTOP)
    add_artifact(*given, **named)


class Immortal(Booked):
    """Its first attempt swallows every interrupt, in a work-horse that cannot kill itself, and whose pulse beats on."""

    type = "immortal"
    title = "Immortal"
    timeout = 0.5
    cancel_grace = 0.5

    class Input(Booked.Input):
        pass

    def work(self, data: Any, context: Context) -> None:
        if context.attempt > 1:
            return
        os.kill = lambda *_: None  # type: ignore[assignment]
        while True:
            with suppress(BaseException):
                time.sleep(0.01)


class Quiet(Processor):
    """Does nothing, and keeps no book: how many there are tells enough."""

    type = "quiet"
    title = "Quiet"
    retry: ClassVar[RetryPolicy] = PATIENT

    class Input(Input):
        pass

    def run(self, data: Any, context: Context) -> Any:
        return {"attempt": context.attempt}


class Told(Quiet):
    """Somebody is told of its end."""

    type = "told"
    title = "Told"
