"""The thread that prunes beside the keeper: there is one, and what was told to stop stays told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jobsapp.config import Settings
from jobsapp.runtime import beside, pruner
from jobsapp.runtime.house import build_house
from jobsapp.runtime.pruner import Pruner


class Held(Pruner):
    """Its batches take as long as the test wants."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(build_house(settings))
        self.began, self.over = threading.Semaphore(0), threading.Semaphore(0)
        self.at_work: list[threading.Thread] = []

    def prune(self, *, at_once: bool = False) -> int:
        self.at_work.append(threading.current_thread())
        self.began.release()
        assert self.over.acquire(timeout=20)
        return 0


@contextmanager
def ended(thread: threading.Thread) -> Iterator[None]:
    yield
    thread.join(20)
    assert not thread.is_alive()


def test_one_that_is_still_in_its_last_batch_gets_no_second_beside_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "STOP_SECONDS", 0.01)
    monkeypatch.setattr(pruner, "PAUSE_SECONDS", 0.01)
    held = Held(settings)
    held.start()
    assert held.began.acquire(timeout=20)
    # The connection was lost, and found again, while the batch goes on.
    held.stop()
    held.start()
    (first,) = held.at_work
    with ended(first):
        held.over.release()
    assert held.at_work == [first], "it went on though it was told to stop"
    held.start()
    assert held.began.acquire(timeout=20)
    second = held.at_work[-1]
    assert second is not first
    held.start()
    with ended(second):
        held.stop()
        held.over.release()
    assert held.at_work == [first, second]
