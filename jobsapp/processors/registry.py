"""The job types: found, not listed. One file in this folder, a module named in the settings, or an entry point."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from jobsapp import processors
from jobsapp.core.workflows import Definition
from jobsapp.core.workflows.definition import NAME, NAME_FIX
from jobsapp.errors import ConfigError, FieldError, InvalidInput
from jobsapp.processors.presets import check, example_of
from jobsapp.processors.schedules import check as check_schedules
from jobsapp.processors.sdk import Processor
from jobsapp.processors.secrets import check as check_secrets

ENTRY_POINTS = "jobsapp.processors"
# What pydantic says of a text that is checked by a function.
_ITEMS = re.compile(r"^Value should have at (most|least) (\d+) items? after validation.*")
NOT_TYPES = {"sdk", "context", "endings", "registry", "testing", "presets", "secrets", "schedules"}


class JobType:
    """A registered job type. Raises ConfigError if its input does not take its presets, or has a set of secrets."""

    def __init__(self, processor: type[Processor]) -> None:
        check(processor)
        check_secrets(processor.Input, processor.type)
        check_schedules(processor.type, processor.schedules, processor.Input)
        self.processor = processor
        self.name = processor.type
        self.queue = processor.queue or processor.type
        self.title = processor.title
        self.description = processor.description or inspect.cleandoc(processor.__doc__ or "")
        self.icon = processor.icon

    @cached_property
    def example(self) -> dict[str, Any] | None:
        """Data that shows what the type can do; None if its model has no examples."""
        return example_of(self.processor.Input)

    @cached_property
    def missing(self) -> str:
        """Empty if the type can run; otherwise the sentence that says what to install."""
        absent = [name for name in self.processor.requires if importlib.util.find_spec(name) is None]
        if not absent:
            return ""
        command = (
            f"pip install 'jobsapp[{self.processor.extra}]'" if self.processor.extra else "pip install " + absent[0]
        )
        return f"{self.title} is not installed here. Install it with: {command}"

    def own_name(self, data: object, files: Sequence[str]) -> str:
        """What a job with that input is called unless it is given a name; empty if the input is none any more."""
        try:
            return self.processor.default_name(self.processor.Input.model_validate(data), files)
        except ValidationError:
            return ""

    def validate(self, data: object) -> BaseModel:
        """The input as the type's model. Raises InvalidInput naming each field at fault under `data`."""
        try:
            checked = self.processor.Input.model_validate(data)
        except ValidationError as error:
            raise invalid(error, "data") from None
        try:
            self.processor.check(checked)
        except ValueError as error:
            fault = _fault((), str(error), "value_error", "data")
            raise InvalidInput(f"{fault.field}: {fault.message}", errors=(fault,)) from None
        return checked


class Registry:
    """All job types by name."""

    def __init__(self, processors: Iterable[type[Processor]], workflows: Iterable[Definition] = ()) -> None:
        self.workflows = _by_name(workflows)
        """Those that are declared in code, by name: every organisation has them."""
        self._types: dict[str, JobType] = {}
        for processor in processors:
            known = self._types.get(processor.type)
            if known and known.processor is not processor:
                raise ConfigError(
                    f"Two processors have the type {processor.type!r}: "
                    f"{known.processor.__module__} and {processor.__module__}."
                )
            self._types[processor.type] = JobType(processor)
        self._by_queue = {
            queue: frozenset(name for name, one in self._types.items() if one.queue == queue) for queue in self.queues
        }

    def __iter__(self) -> Iterator[JobType]:
        return iter(self._types.values())

    def find(self, name: str) -> JobType | None:
        return self._types.get(name)

    def get(self, name: str) -> JobType:
        """Raises InvalidInput if there is no such type."""
        found = self.find(name)
        if found is None:
            raise InvalidInput.of("type", f"there is no job type {name!r}. Known: {', '.join(self._types) or 'none'}.")
        return found

    @property
    def queues(self) -> list[str]:
        return sorted({job_type.queue for job_type in self})

    @property
    def worked_queues(self) -> list[str]:
        """Those that workers serve: all but the keeper's own."""
        return sorted({job_type.queue for job_type in self if not job_type.processor.run_by_keeper})

    def types_of(self, queue: str) -> frozenset[str]:
        """The types whose jobs wait in that queue."""
        return self._by_queue.get(queue, frozenset())


def load_registry(modules: Iterable[str] = ()) -> Registry:
    """Find the built-in types, those of `modules` (import names) and those of installed entry points."""
    found: list[type[Processor]] = []
    workflows: list[Definition] = []
    for info in pkgutil.iter_modules(processors.__path__):
        if info.name not in NOT_TYPES:
            found += _processors_in(importlib.import_module(f"{processors.__name__}.{info.name}"))
    for name in modules:
        try:
            module = importlib.import_module(name)
            found += _processors_in(module)
            workflows += [value for value in vars(module).values() if isinstance(value, Definition)]
        except ImportError as error:
            raise ConfigError(f"JOBSAPP_PROCESSORS names {name!r}, which cannot be imported: {error}.") from error
    for point in entry_points(group=ENTRY_POINTS):
        loaded = point.load()
        found += _processors_in(loaded) if isinstance(loaded, ModuleType) else [loaded]
    return Registry(found, workflows)


def _by_name(workflows: Iterable[Definition]) -> dict[str, Definition]:
    found: dict[str, Definition] = {}
    for one in workflows:
        if not one.name:
            raise ConfigError("A workflow that is declared in code needs a name.")
        if re.fullmatch(NAME, one.name) is None:
            raise ConfigError(f"The workflow {one.name!r} that is declared in code: its name {NAME_FIX}")
        if found.setdefault(one.name, one) is not one:
            raise ConfigError(f"Two workflows have the name {one.name!r}.")
    return found


def _processors_in(module: ModuleType) -> list[type[Processor]]:
    classes = inspect.getmembers(module, inspect.isclass)
    return [
        member
        for _, member in classes
        if issubclass(member, Processor)
        and not inspect.isabstract(member)
        and member.__module__.startswith(module.__name__)
    ]


def invalid(error: ValidationError, prefix: str = "") -> InvalidInput:
    """The faults that pydantic found, as our own error."""
    return invalid_part(error.errors(include_url=False), prefix)


def invalid_part(found: Iterable[ErrorDetails], prefix: str = "") -> InvalidInput:
    """As `invalid`, of some of the faults."""
    faults = tuple(_fault(fault["loc"], fault["msg"], fault["type"], prefix) for fault in found)
    return InvalidInput("; ".join(f"{fault.field}: {fault.message}" for fault in faults), errors=faults)


def _fault(place: tuple[int | str, ...], message: str, kind: str, prefix: str) -> FieldError:
    message = "there is no such field" if kind == "extra_forbidden" else message.removeprefix("Value error, ")
    # Pydantic counts the characters of a text that is checked by a function as items.
    message = re.sub(
        r"^Value should have at (most|least) (\d+) items? after validation.*", r"may have at \1 \2 characters", message
    )
    if not place and (named := re.match(r"([\w.]+): (.+)", message, re.DOTALL)):
        place, message = (named[1],), named[2]
    return FieldError(".".join([prefix, *map(str, place)]).strip("."), message)
