"""What has to happen next in a run: a pure function of its definition, how far it is, and the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from jobsapp.core.workflows.definition import MAX_PLACES, Definition, Step, Task
from jobsapp.core.workflows.expressions import WrongExpression, holds, rendered
from jobsapp.core.workflows.state import FAULTY, OVER, Place, Run, State, StepState, ended
from jobsapp.core.workflows.unroll import items_of, started_item, whole_of
from jobsapp.core.workflows.waits import over_at, wake_at


@dataclass(frozen=True)
class Start:
    """Make the job of a place, with this input."""

    place: Place
    task: Task
    data: Any


@dataclass(frozen=True)
class Finish:
    """The run is over: `status` is completed, failed or cancelled."""

    status: str
    result: Any = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Plan:
    """`run`: as it is after this. `stop`: places whose jobs have to be asked to stop."""

    run: Run
    start: tuple[Start, ...] = ()
    stop: tuple[Place, ...] = ()
    finish: Finish | None = None


def plan(definition: Definition, run: Run, now: datetime) -> Plan:
    """All that can happen at once. Asked again with the run of its answer, it has nothing new to say."""
    return _Planner(definition, run, now).plan()


def failure(kind: str, message: str) -> dict[str, Any]:
    return {"type": kind, "message": message}


class _Planner:
    def __init__(self, definition: Definition, run: Run, now: datetime) -> None:
        self._definition, self._run, self._now = definition, run, now
        self._start: list[Start] = []
        self._stop: list[Place] = []

    def plan(self) -> Plan:
        if self._run.cancel_requested and self._run.stopping is None:
            self._run = replace(self._run, stopping="cancelled")
        finish, before = None, None
        while finish is None and before is not self._run:
            before = self._run
            if self._run.stopping is None:
                self._go_on()
            finish = self._stand_still() if self._run.stopping else self._completed()
        return Plan(self._run, tuple(self._start), tuple(self._stop), finish)

    def _go_on(self) -> None:
        cut: set[str] = set()
        for key in self._definition.order:
            step = self._definition.steps[key]
            is_cut = not cut.isdisjoint(step.needs)
            match self._run.of(Place(key)).state:
                case State.PENDING if all(self._run.of(Place(need)).state in OVER for need in step.needs):
                    if is_cut:
                        self._end(Place(key), State.SKIPPED)
                    else:
                        self._begin(key, step)
                case State.WAITING:
                    self._waited(key, step)
            if step.for_each is not None and self._run.of(Place(key)).state is State.RUNNING:
                self._unroll(key, step)
            one = self._run.of(Place(key))
            if one.state in FAULTY and step.on_failure == "fail":
                self._run = replace(self._run, stopping="failed", error=_error_of(key, step, one))
                return
            # What comes after is left out too.
            if (one.state in FAULTY and step.on_failure == "skip") or (one.state is State.SKIPPED and is_cut):
                cut.add(key)

    def _begin(self, key: str, step: Step) -> None:
        place, scope = Place(key), self._scope(key)
        try:
            if step.when is not None and not holds(step.when, scope):
                self._end(place, State.SKIPPED)
            elif step.wait_for is not None:
                wake = wake_at(step.wait_for, scope, self._now)
                self._set(place, StepState(State.WAITING, wake_at=wake))
            elif step.for_each is not None:
                self._expand(place, items_of(step.for_each, scope))
            else:
                self._create(place, _task(step), scope)
        except WrongExpression as error:
            self._fail(place, str(error))

    def _expand(self, place: Place, items: tuple[Any, ...]) -> None:
        """What was done for items of a run before counts only if the list is the same."""
        if self._run.of(place).items != items:
            kept = {one: state for one, state in self._run.steps.items() if one.key != place.key}
            self._run = replace(self._run, steps=kept)
        others = sum(len(one.items or ()) for other, one in self._run.steps.items() if other.key != place.key)
        if others + len(items) > MAX_PLACES:
            raise WrongExpression(f"forEach: the loops of a run may have up to {MAX_PLACES:,} items together.")
        self._set(place, StepState(State.RUNNING, items=items))

    def _unroll(self, key: str, step: Step) -> None:
        """Begin as many items as may run at once; end the step when all have ended."""
        place, whole = Place(key), self._run.of(Place(key))
        done = self._run.items_of(key)
        halted = step.on_failure != "continue" and any(one.state in FAULTY for one in done.values())
        if halted:
            self._ask_to_stop(one for one, state in done.items() if state.state is State.RUNNING)
        running = sum(one.state is State.RUNNING for one in done.values())
        for item in () if halted else range(len(whole.items or ())):
            if running >= step.width:
                break
            if Place(key, item) not in self._run.steps:
                running += self._started(key, step, item)
        after = whole_of(step, whole, self._run.items_of(key), halted=halted)
        if after is not None:
            self._end_as(place, after)

    def _started(self, key: str, step: Step, item: int) -> bool:
        place = Place(key, item)
        try:
            scope = self._scope(key) | started_item(self._run.of(Place(key)), item)
            self._create(place, _task(step), scope)
        except WrongExpression as error:
            self._fail(place, str(error))
            return False
        return True

    def _waited(self, key: str, step: Step) -> None:
        place, wait = Place(key), step.wait_for
        one = self._run.of(place)
        if wait is None or one.wake_at is None or one.wake_at > self._now:
            return
        if wait.kind in ("seconds", "until"):
            self._end(place, State.COMPLETED, {"waitedUntil": one.wake_at.isoformat()})
        elif wait.on_deadline == "continue":
            self._end(place, State.COMPLETED, over_at(wait))
        else:
            what = "approved it" if wait.approval else f"said {wait.event!r}"
            error = failure("Deadline", f"Nobody {what} within {wait.deadline_seconds:,g} s.")
            self._run = ended(self._run, place, State.FAILED, result=over_at(wait), error=error)

    def _stand_still(self) -> Finish | None:
        """Nothing new begins: what waits is given up, what runs is stopped; then what was done is undone."""
        for place, one in self._run.steps.items():
            if one.state is State.WAITING:
                self._end(place, State.CANCELLED)
        places = [place for place, one in self._run.steps.items() if one.state is State.RUNNING and not place.undone]
        self._ask_to_stop(place for place in places if self._run.of(place).items is None)
        for place in places:
            if self._run.of(place).items is not None:
                self._close(place)
        if any(self._run.of(place).state is State.RUNNING for place in places) or not self._undo():
            return None
        return Finish(self._run.stopping or "failed", error=self._run.error)

    def _close(self, place: Place) -> None:
        """End a step of a stopped run whose items have all ended; no other begins."""
        step, items = self._definition.steps[place.key], self._run.items_of(place.key)
        after = whole_of(step, self._run.of(place), items, halted=True)
        if after is not None:
            self._end_as(place, after)

    def _undo(self) -> bool:
        """Begin the next compensation. True: none is left."""
        done = [
            (self._run.of(Place(key)).order, key)
            for key, step in self._definition.steps.items()
            if step.compensate is not None and self._has_done(key)
        ]
        for _, key in sorted(done, reverse=True):
            undo = self._run.of(Place(key).undo)
            if undo.state in (State.RUNNING, State.PENDING):
                task = self._definition.steps[key].compensate
                if undo.state is State.PENDING and task is not None:
                    self._begin_undo(key, task)
                    return self._undo()
                return False
        for _, key in done:
            one = self._run.of(Place(key))
            if one.state is State.COMPLETED and self._run.of(Place(key).undo).state is State.COMPLETED:
                self._set(Place(key), replace(one, state=State.UNDONE))
        return True

    def _begin_undo(self, key: str, task: Task) -> None:
        place = Place(key).undo
        try:
            self._create(place, task, self._scope(key, itself=True))
        except WrongExpression as error:
            self._fail(place, str(error))

    def _has_done(self, key: str) -> bool:
        if self._run.of(Place(key)).state in (State.COMPLETED, State.UNDONE):
            return True
        return any(item.state is State.COMPLETED for item in self._run.items_of(key).values())

    def _completed(self) -> Finish | None:
        if any(self._run.of(Place(key)).state not in OVER for key in self._definition.steps):
            return None
        scope = self._scope(None)
        if self._definition.output is None:
            leaves = self._definition.leaves
            return Finish("completed", {key: self._run.of(Place(key)).result for key in leaves})
        try:
            return Finish("completed", rendered(self._definition.output, scope))
        except WrongExpression as error:
            self._run = replace(self._run, stopping="failed", error=failure("WrongExpression", f"output: {error}"))
            return self._stand_still()

    def _create(self, place: Place, task: Task, scope: Mapping[str, Any]) -> None:
        self._start.append(Start(place, task, rendered(task.input, scope)))
        self._set(place, StepState(State.RUNNING))

    def _scope(self, key: str | None, *, itself: bool = False) -> dict[str, Any]:
        """What a step may ask: of the steps, those that are done before it."""
        seen = self._definition.upstream[key] if key is not None else frozenset(self._definition.steps)
        seen |= {key} if key is not None and itself else set()
        return {"input": self._run.input, "steps": {one: _told(self._run.of(Place(one))) for one in seen}}

    def _ask_to_stop(self, places: Any) -> None:
        for place in list(places):
            one = self._run.of(place)
            if not one.asked:
                self._stop.append(place)
                self._set(place, replace(one, asked=True))

    def _end(self, place: Place, state: State, result: Any = None) -> None:
        self._run = ended(self._run, place, state, result=result)

    def _end_as(self, place: Place, one: StepState) -> None:
        said = {"result": one.result, "artifacts": one.artifacts, "error": one.error}
        self._run = ended(self._run, place, one.state, **said)

    def _fail(self, place: Place, message: str) -> None:
        self._run = ended(self._run, place, State.FAILED, error=failure("WrongExpression", message))

    def _set(self, place: Place, one: StepState) -> None:
        self._run = replace(self._run, steps={**self._run.steps, place: one})


def _task(step: Step) -> Task:
    return Task(
        type=step.type or "",
        title=step.title,
        input=step.input,
        retry=step.retry,
        timeout_seconds=step.timeout_seconds,
        priority=step.priority,
    )


def _told(one: StepState) -> dict[str, Any]:
    return {
        "status": str(one.state),
        "result": one.result,
        "artifacts": [dict(artifact) for artifact in one.artifacts],
        "error": one.error,
        "items": one.items,
    }


def _error_of(key: str, step: Step, one: StepState) -> dict[str, Any]:
    said = one.error or failure("Cancelled", "The job of this step was cancelled.")
    return failure(str(said.get("type")), f"{_called(key, step)}: {said.get('message')}")


def _called(key: str, step: Step) -> str:
    """As pages call it, and by its key, which the definition has."""
    return f"{step.title} ({key})" if step.title and step.title != key else key
