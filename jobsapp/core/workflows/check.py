"""Everything that can be known to be wrong with a definition before it starts, each fault by its path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from jobsapp.core.workflows.definition import Definition, Step
from jobsapp.core.workflows.expressions import WrongExpression, bare, is_dynamic, names, references
from jobsapp.core.workflows.fields import faults_of_fields
from jobsapp.core.workflows.naming import asked_by_name
from jobsapp.core.workflows.secrets import Place, handed, secret_fields
from jobsapp.errors import FieldError

Judge = Callable[[str, Mapping[str, Any], Mapping[Place, str]], Iterable[FieldError]]
"""What is wrong with a type and an input that may have references in it: faults of `type`, or under `input`. And with
the places where secrets of the workflow are handed on to it."""

TOLD = ("status", "result", "artifacts", "error", "items")
_OF_ITEM = ("item", "index")


def check(definition: Definition, judge: Judge) -> list[FieldError]:
    """The faults, in the order of the definition; none: it can start."""
    faults = list(faults_of_fields(definition.input, "input", secrets=True))
    faults += _faults_of_name(definition)
    faults += _faults_of_needs(definition)
    for key, step in definition.steps.items():
        faults += _faults_of_step(definition, key, step, judge)
    every = frozenset(definition.steps)
    faults += _faults_of_references(definition, definition.output, "output", every)
    return faults


def _faults_of_name(definition: Definition) -> Iterator[FieldError]:
    for expression in asked_by_name(definition):
        try:
            asked = names(expression)
        except WrongExpression as error:
            yield FieldError("name", str(error))
            continue
        for first, *rest in asked:
            if first != "input":
                yield FieldError("name", "knows only the input, as in ${{ input.day }}: no step has run by then.")
            elif fault := _fault_of_name(definition, first, rest, frozenset(), ()):
                yield FieldError("name", fault)


def _faults_of_needs(definition: Definition) -> Iterator[FieldError]:
    for key, step in definition.steps.items():
        for place, need in enumerate(step.needs):
            if need not in definition.steps:
                yield FieldError(f"steps.{key}.needs.{place}", f"there is no step {need!r}.")
    if any(need not in definition.steps for step in definition.steps.values() for need in step.needs):
        return
    left = [key for key in definition.steps if key not in definition.order]
    for key in left:
        if circle := _circle(definition, key):
            yield FieldError(f"steps.{key}.needs", f"goes in a circle: {' → '.join(circle)}.")
            return


def _circle(definition: Definition, start: str) -> list[str] | None:
    """A way along `needs` from a step to itself."""
    ways, seen = [[start]], set[str]()
    while ways:
        way = ways.pop()
        for need in definition.steps[way[-1]].needs:
            if need == start:
                return [*way, start]
            if need not in seen:
                seen.add(need)
                ways.append([*way, need])
    return None


def _faults_of_step(definition: Definition, key: str, step: Step, judge: Judge) -> Iterator[FieldError]:
    path = f"steps.{key}"
    seen = definition.upstream.get(key, frozenset(definition.steps))
    more = _OF_ITEM if step.for_each is not None else ()
    if step.when is not None:
        yield from _faults_of(definition, bare(step.when), f"{path}.when", seen)
    if isinstance(step.for_each, str):
        yield from _faults_of(definition, bare(step.for_each), f"{path}.forEach", seen)
    elif step.for_each is not None:
        yield from _faults_of_references(definition, step.for_each, f"{path}.forEach", seen)
    if step.type is not None:
        yield from _faults_of_job(definition, step.type, step.input, path, judge, seen, more)
    if step.wait_for is not None:
        yield from _faults_of_wait(definition, step, path, seen)
    if step.compensate is not None:
        undo = step.compensate
        yield from _faults_of_job(definition, undo.type, undo.input, f"{path}.compensate", judge, seen | {key})


def _faults_of_job(
    definition: Definition,
    type: str,
    input: Mapping[str, Any],
    path: str,
    judge: Judge,
    seen: frozenset[str],
    more: tuple[str, ...] = (),
) -> Iterator[FieldError]:
    secrets = handed(definition.input, input)
    whole = {(".".join(map(str, (path, "input", *place))), f"input.{key}") for place, key in secrets.items()}
    for place, expression in references(input, f"{path}.input"):
        if (place, expression) not in whole:
            yield from _faults_of(definition, expression, place, seen, more)
    yield from _under(path, judge(type, input, secrets))


def _faults_of_wait(definition: Definition, step: Step, path: str, seen: frozenset[str]) -> Iterator[FieldError]:
    wait = step.wait_for
    if wait is None:
        return
    for name, value in (("seconds", wait.seconds), ("until", wait.until)):
        yield from _faults_of_references(definition, value, f"{path}.waitFor.{name}", seen)
    if isinstance(wait.seconds, str) and not is_dynamic(wait.seconds):
        yield FieldError(f"{path}.waitFor.seconds", "must be a number, or a reference to one.")
    if wait.until is not None and not is_dynamic(wait.until) and not _is_time(wait.until):
        yield FieldError(f"{path}.waitFor.until", "must be a time with its zone, as in 2026-12-01T08:00:00Z.")
    if wait.approval is not None:
        yield from faults_of_fields(wait.approval.fields, f"{path}.waitFor.approval.fields")


def _faults_of_references(
    definition: Definition, template: Any, path: str, seen: frozenset[str], more: tuple[str, ...] = ()
) -> Iterator[FieldError]:
    for place, expression in references(template, path):
        yield from _faults_of(definition, expression, place, seen, more)


def _faults_of(
    definition: Definition, expression: str, path: str, seen: frozenset[str], more: tuple[str, ...] = ()
) -> Iterator[FieldError]:
    try:
        asked = names(expression)
    except WrongExpression as error:
        yield FieldError(path, str(error))
        return
    for first, *rest in asked:
        if fault := _fault_of_name(definition, first, rest, seen, more):
            yield FieldError(path, fault)


def _fault_of_name(
    definition: Definition, first: str, rest: list[str], seen: frozenset[str], more: tuple[str, ...]
) -> str | None:
    if first == "input":
        if rest and rest[0] not in definition.input:
            return f"the workflow has no input {rest[0]!r}."
        if rest and rest[0] in secret_fields(definition.input):
            return f"a secret is only handed on whole, as ${{{{ input.{rest[0]} }}}}, to a secret field of a job."
        return None
    if first == "steps":
        return _fault_of_step_name(definition, rest, seen)
    if first in more:
        return None
    if first in _OF_ITEM:
        return f"{first!r} is known only in the input of a step with forEach."
    return f"{first!r} is not known; say input.… or steps.…."


def _fault_of_step_name(definition: Definition, rest: list[str], seen: frozenset[str]) -> str | None:
    if not rest:
        return None
    if rest[0] not in definition.steps:
        return f"there is no step {rest[0]!r}."
    if rest[0] not in seen:
        return f"the step {rest[0]!r} is not done before this one; name it in needs."
    if len(rest) > 1 and rest[1] not in TOLD:
        return f"a step has no {rest[1]!r}: only {', '.join(TOLD)}."
    return None


def _under(path: str, faults: Iterable[FieldError]) -> Iterator[FieldError]:
    for fault in faults:
        yield FieldError(f"{path}.{fault.field}", fault.message)


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
