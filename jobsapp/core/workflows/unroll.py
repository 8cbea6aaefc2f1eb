"""A step for each item of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobsapp.core.workflows.definition import MAX_ITEMS, Step
from jobsapp.core.workflows.expressions import Scope, WrongExpression, ask, rendered
from jobsapp.core.workflows.state import FAULTY, OVER, Place, State, StepState


def items_of(for_each: str | tuple[Any, ...], scope: Scope) -> tuple[Any, ...]:
    """The list. Raises WrongExpression if it is none, or too long."""
    found = ask(for_each, scope) if isinstance(for_each, str) else rendered(for_each, scope)
    if not isinstance(found, list | tuple):
        raise WrongExpression(f"forEach: must give a list; it gave {_kind(found)}.")
    if len(found) > MAX_ITEMS:
        raise WrongExpression(f"forEach: a list may have up to {MAX_ITEMS:,} items; this one has {len(found):,}.")
    return tuple(found)


def started_item(whole: StepState, item: int) -> dict[str, Any]:
    """What the input of an item may ask beside the rest."""
    return {"item": (whole.items or ())[item], "index": item}


def whole_of(step: Step, whole: StepState, items: Mapping[Place, StepState], *, halted: bool) -> StepState | None:
    """How the step ended, whose items these are. None: some still run, or have not begun. `halted`: none begins."""
    wanted = len(whole.items or ())
    if any(one.state not in OVER for one in items.values()) or (len(items) < wanted and not halted):
        return None
    by_item = {place.item: one for place, one in items.items()}
    results = [by_item[item].result if item in by_item else None for item in range(wanted)]
    made = tuple(file for item in sorted(by_item) for file in by_item[item].artifacts)
    faulty = {place.item: one for place, one in items.items() if one.state in FAULTY}
    failed = {item: one for item, one in faulty.items() if one.state is State.FAILED}
    if not faulty and len(items) == wanted:
        return StepState(State.COMPLETED, results, made)
    if step.on_failure == "continue" and len(items) == wanted and len(faulty) < wanted:
        return StepState(State.COMPLETED, results, made)
    if not failed:
        return StepState(State.CANCELLED, results, made)
    item, first = min(failed.items())
    said = first.error or {}
    message = f"item {item + 1} of {wanted:,}: {said.get('message', 'it failed')}"
    return StepState(State.FAILED, results, made, {"type": said.get("type", "Failed"), "message": message})


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
