"""How far a run is: the state of each step and of each item of a `forEach`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from jobsapp.core.workflows.definition import Definition

WHOLE = -1
_UNDO = ".undo"
"""No key has a dot in it."""


class State(StrEnum):
    PENDING = "pending"
    """Not begun."""
    WAITING = "waiting"
    """For a time, an event or a person."""
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    UNDONE = "undone"
    """Completed, and compensated since."""


OVER = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED, State.SKIPPED, State.UNDONE})
FAULTY = frozenset({State.FAILED, State.CANCELLED})


class Place(NamedTuple):
    """A step (`item` WHOLE), or one item of its `forEach`."""

    key: str
    item: int = WHOLE

    @property
    def undo(self) -> Place:
        """The place of what undoes this step."""
        return Place(self.key + _UNDO)

    @property
    def undone(self) -> str | None:
        """The key of the step that this one undoes."""
        return self.key.removesuffix(_UNDO) if self.key.endswith(_UNDO) else None


@dataclass(frozen=True)
class StepState:
    """`order`: which of the steps was the n-th to end. `asked`: its job was asked to stop. `items`: of a `forEach`."""

    state: State = State.PENDING
    result: Any = None
    artifacts: tuple[Mapping[str, Any], ...] = ()
    error: Mapping[str, Any] | None = None
    items: tuple[Any, ...] | None = None
    wake_at: datetime | None = None
    order: int = 0
    asked: bool = False


@dataclass(frozen=True)
class Run:
    """`stopping`: "failed" or "cancelled", from when on nothing new begins; `error`: why it fails."""

    input: Mapping[str, Any]
    steps: Mapping[Place, StepState] = field(default_factory=dict)
    stopping: str | None = None
    error: Mapping[str, Any] | None = None
    cancel_requested: bool = False

    def of(self, place: Place) -> StepState:
        return self.steps.get(place, _NOT_BEGUN)

    def items_of(self, key: str) -> dict[Place, StepState]:
        return {place: one for place, one in self.steps.items() if place.key == key and place.item != WHOLE}

    @property
    def ended(self) -> int:
        """How many of its places have ended so far."""
        return max((one.order for one in self.steps.values()), default=0)


_NOT_BEGUN = StepState()


def restarted(definition: Definition, run: Run, input: Mapping[str, Any] | None = None) -> Run:
    """A run that failed or was cancelled, ready to go on: what completed and was not undone is kept.

    So is a failure that was gone over. What comes after a step that has to run again runs again too. `input` None: as
    it was.
    """
    again: set[str] = set()
    steps: dict[Place, StepState] = {}
    for key in definition.order:
        one = run.of(Place(key))
        gone_over = one.state is State.FAILED and definition.steps[key].on_failure == "continue"
        settled = gone_over or one.state in (State.COMPLETED, State.SKIPPED)
        kept = settled and not again & definition.upstream[key]
        if kept:
            steps[Place(key)] = one
            steps |= run.items_of(key)
            continue
        again.add(key)
        undone = run.of(Place(key).undo).state is State.COMPLETED
        items = run.items_of(key) if not undone and not again & definition.upstream[key] else {}
        steps[Place(key)] = StepState(items=one.items if items else None)
        steps |= {place: item for place, item in items.items() if item.state is State.COMPLETED}
    return Run(run.input if input is None else input, steps)


def ended(run: Run, place: Place, state: State, **said: Any) -> Run:
    """The run after the place ended so."""
    one = replace(run.of(place), state=state, order=run.ended + 1, wake_at=None, **said)
    return replace(run, steps={**run.steps, place: one})
