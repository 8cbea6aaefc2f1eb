"""What is wrong with a definition here: with the job types that are installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from jobsapp.core.workflows import Definition, check
from jobsapp.core.workflows.expressions import is_dynamic
from jobsapp.core.workflows.secrets import Place
from jobsapp.core.workflows.words import words
from jobsapp.errors import FieldError, InvalidInput
from jobsapp.processors.registry import JobType, Registry, invalid_part
from jobsapp.processors.secrets import named_secrets


class WorkflowChecks:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def faults(self, definition: Definition) -> list[FieldError]:
        """What is wrong with it, as far as can be known here: with what is installed."""
        return check(definition, self._judge)

    def _judge(self, name: str, data: Mapping[str, Any], secrets: Mapping[Place, str]) -> Iterable[FieldError]:
        job_type = self._registry.find(name)
        if job_type is None:
            yield FieldError("type", f"there is no job type {name!r}. Known: {', '.join(self._known())}.")
        elif job_type.missing:
            yield FieldError("type", job_type.missing)
        elif job_type.processor.run_by_keeper:
            yield FieldError("type", "a step cannot be a workflow itself.")
        elif faults := list(_faults_of_secrets(job_type, data, secrets)):
            yield from faults
        else:
            yield from _faults_of_input(job_type, data)

    def _known(self) -> list[str]:
        return [one.name for one in self._registry if not one.processor.run_by_keeper]


def refuse(faults: Iterable[FieldError]) -> None:
    """Raises InvalidInput if there are faults."""
    found = tuple(faults)
    if found:
        more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
        raise InvalidInput("; ".join(f"{one.field}: {one.message}" for one in found[:5]) + more, errors=found)


def _faults_of_secrets(
    job_type: JobType, data: Mapping[str, Any], secrets: Mapping[Place, str]
) -> Iterable[FieldError]:
    """Definitions, and what runs keep, are read by everybody in the organisation: no secret stands in them, and each is
    handed on to where it is kept as one."""
    places = named_secrets(job_type.processor.Input, data)
    for place in places:
        if place not in secrets:
            yield FieldError(_path(place), _NOT_HERE)
    for place in secrets:
        if place not in places:
            yield FieldError(
                _path(place), f"is no secret field of {job_type.name}: whoever sees the job would read it."
            )


def _path(place: Place) -> str:
    return ".".join(map(str, ("input", *place)))


_NOT_HERE = (
    "may hold no secret: whoever reads the workflow would read it. Ask for it as input of the type secret, and hand it "
    "on whole, as in ${{ input.token }}."
)


def _faults_of_input(job_type: JobType, data: Mapping[str, Any]) -> Iterable[FieldError]:
    """What the type's model says of an input, as far as references do not leave it open."""
    try:
        checked = job_type.processor.Input.model_validate(data)
        if not is_dynamic(data):
            job_type.processor.check(checked)
    except ValidationError as error:
        found = [one for one in error.errors(include_url=False) if _is_certain(one)]
        for one in found:
            one["msg"] = words(one)
        yield from invalid_part(found, "input").errors
    except ValueError as error:
        yield FieldError("input", str(error))


def _is_certain(fault: Any) -> bool:
    """Whether it is wrong whatever the references give."""
    return fault["type"] in ("missing", "extra_forbidden") or not is_dynamic(fault["input"])
