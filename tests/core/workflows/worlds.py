"""Runs in a small world of its own: jobs that end as somebody says, and a clock that is moved by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from jobsapp.core.workflows import Definition, Place, Run, State, plan
from jobsapp.core.workflows.plan import Finish, Plan, Start
from jobsapp.core.workflows.state import ended

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


class World:
    """One run, its jobs that run now, and everything that was begun, in order."""

    def __init__(self, definition: Definition, input: dict[str, Any] | None = None, run: Run | None = None) -> None:
        self.definition = definition
        self.run = run or Run(input or {})
        self.now = NOON
        self.jobs: dict[Place, Start] = {}
        self.begun: list[Place] = []
        self.data: dict[Place, Any] = {}
        self.stopped: Counter[Place] = Counter()
        self.finish: Finish | None = None
        self.go_on()

    def go_on(self) -> Plan:
        after = plan(self.definition, self.run, self.now)
        self.run, self.finish = after.run, after.finish
        for one in after.start:
            assert one.place not in self.jobs, f"{one.place} runs twice"
            self.jobs[one.place] = one
            self.begun.append(one.place)
            self.data[one.place] = one.data
        self.stopped.update(after.stop)
        again = plan(self.definition, self.run, self.now)
        assert (again.start, again.stop) == ((), ()), "a plan leaves nothing to be done"
        return after

    def end(self, key: str, state: State = State.COMPLETED, item: int = -1, **said: Any) -> None:
        place = Place(key, item)
        del self.jobs[place]
        if state is State.FAILED:
            said.setdefault("error", {"type": "Boom", "message": f"{key} broke"})
        self.run = ended(self.run, place, state, **said)
        self.go_on()

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.go_on()

    def answer(self, key: str, result: Any, state: State = State.COMPLETED, error: Any = None) -> None:
        self.run = ended(self.run, Place(key), state, result=result, error=error)
        self.go_on()

    def cancel(self) -> None:
        self.run = replace(self.run, cancel_requested=True)
        self.go_on()

    def live(self, choose: Callable[[list[Place]], Place], fate: Callable[[Place], State]) -> None:
        """End one job after the other, and let time pass when none runs, until the run is over."""
        for _ in range(10_000):
            if self.finish is not None:
                return
            if self.jobs:
                place = choose(sorted(self.jobs))
                state = State.CANCELLED if self.stopped[place] else fate(place)
                self.end(place.key, state, place.item, result={"of": place.key})
            else:
                wakes = [one.wake_at for one in self.run.steps.values() if one.wake_at is not None]
                assert wakes, "nothing runs, nothing waits for a time, and the run is not over"
                self.now = max(self.now, min(wakes))
                self.go_on()
        raise AssertionError("the run does not end")

    def states(self) -> dict[str, str]:
        return {key: str(self.run.of(Place(key)).state) for key in self.definition.steps}
