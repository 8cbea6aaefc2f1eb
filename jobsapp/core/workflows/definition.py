"""What a workflow is: its input, its steps, and what comes out. The same in JSON, in YAML and from Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from jobsapp.core.rights import Role
from jobsapp.core.workflows.fields import KEY, FormField, Part
from jobsapp.core.workflows.words import words
from jobsapp.errors import FieldError, InvalidInput

MAX_STEPS = 200
MAX_ITEMS = 1000
MAX_PLACES = 5000
"""Items of all loops of a run together."""
"""Of one `forEach`."""
LONGEST_SECONDS = 3653 * 86_400
EXPRESSION_LENGTH = 2000
NAME = r"^[a-z0-9][a-z0-9._-]{0,99}$"
NAME_FIX = "may have small letters, digits, dots and dashes, as in clean-and-train."

Key = Annotated[str, StringConstraints(pattern=KEY)]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=EXPRESSION_LENGTH)]
Seconds = Annotated[float, Field(gt=0, le=LONGEST_SECONDS)]


class Tries(Part):
    """How often a step's job is tried, and the pauses between: as `maxAttempts` and `retry` of any job."""

    attempts: int | None = Field(None, ge=1, le=100)
    first_seconds: float | None = Field(None, ge=0)
    factor: float | None = Field(None, ge=1, le=100)
    ceiling_seconds: float | None = Field(None, ge=0)
    jitter: float | None = Field(None, ge=0, le=1)


class Approval(Part):
    """What a person is asked. `role`: the least that they have to be in the organisation."""

    title: str = Field("", max_length=200)
    description: str = Field("", max_length=2000)
    role: Literal[Role.MEMBER, Role.OPERATOR, Role.ADMIN] = Role.MEMBER
    fields: Mapping[Key, FormField] = Field(default_factory=dict, max_length=50)


class Wait(Part):
    """What a step waits for: a time, so many seconds, an event from elsewhere, or a person's approval."""

    seconds: Seconds | Expression | None = None
    until: Expression | None = None
    """A time in RFC 3339, or a reference to one."""
    event: Key | None = None
    approval: Approval | None = None
    deadline_seconds: Seconds | None = None
    """How long an event or an approval is waited for."""
    on_deadline: Literal["fail", "continue"] = "fail"

    @model_validator(mode="after")
    def _one(self) -> Wait:
        kinds = [self.seconds, self.until, self.event, self.approval]
        if sum(one is not None for one in kinds) != 1:
            raise ValueError("say one of seconds, until, event and approval.")
        if self.deadline_seconds is not None and not (self.event or self.approval):
            raise ValueError("deadlineSeconds is for an event or an approval.")
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind in ("seconds", "until", "event", "approval") if getattr(self, kind) is not None)


class Task(Part):
    """A job that a step makes: its type, and its input with references in it."""

    type: str = Field(min_length=1, max_length=200)
    title: str = Field("", max_length=200)
    input: Mapping[str, Any] = Field(default_factory=dict)
    retry: Tries | None = None
    timeout_seconds: float | None = Field(None, gt=0, le=30 * 86_400)
    priority: int | None = Field(None, ge=-(2**31) + 1, le=2**31 - 1)


class Step(Part):
    """One step. Either it makes a job of a `type`, or it waits (`waitFor`)."""

    title: str = Field("", max_length=200)
    type: str | None = Field(None, min_length=1, max_length=200)
    input: Mapping[str, Any] = Field(default_factory=dict)
    needs: tuple[Key, ...] = Field((), max_length=MAX_STEPS)
    when: Expression | None = None
    for_each: Expression | tuple[Any, ...] | None = None
    width: int = Field(10, ge=1, le=100)
    """How many items of a `forEach` run at once."""
    retry: Tries | None = None
    timeout_seconds: float | None = Field(None, gt=0, le=30 * 86_400)
    priority: int | None = Field(None, ge=-(2**31) + 1, le=2**31 - 1)
    on_failure: Literal["fail", "continue", "skip"] = "fail"
    """`continue`: steps that need it run all the same; `skip`: they are left out; `fail`: so does the workflow."""
    wait_for: Wait | None = None
    compensate: Task | None = None
    """Undoes what the step did, when the workflow fails or is cancelled after it."""

    @model_validator(mode="after")
    def _one(self) -> Step:
        if (self.type is None) == (self.wait_for is None):
            raise ValueError("say either type or waitFor.")
        if self.wait_for is not None and (self.for_each is not None or self.input or self.compensate):
            raise ValueError("a step with waitFor has neither input nor forEach nor compensate.")
        return self


class Definition(Part):
    """A workflow. `steps` by key, `input` by name; `output` is a template for the result."""

    name: str = Field("", max_length=500)
    """With references in it: what a run is called, a template that knows the input. In code: what it is started by."""
    title: str = Field("", max_length=200)
    description: str = Field("", max_length=2000)
    input: Mapping[Key, FormField] = Field(default_factory=dict, max_length=100)
    steps: Mapping[Key, Step] = Field(min_length=1, max_length=MAX_STEPS)
    output: Any = None

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The keys so that each comes after those it needs; those of a circle are left out."""
        left, done = dict(self.steps), dict[str, None]()
        while ready := [key for key, step in left.items() if all(need in done for need in step.needs)]:
            for key in ready:
                done[key] = None
                del left[key]
        return tuple(done)

    @cached_property
    def upstream(self) -> Mapping[str, frozenset[str]]:
        """For each step all that are done before it begins."""
        found: dict[str, frozenset[str]] = {}
        for key in self.order:
            needs = self.steps[key].needs
            found[key] = frozenset(needs).union(*(found[need] for need in needs))
        return found

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """The steps that no other needs."""
        needed = {need for step in self.steps.values() for need in step.needs}
        return tuple(key for key in self.steps if key not in needed)

    def as_json(self) -> dict[str, Any]:
        """As it is written: without what is left to the defaults."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def read(value: object, prefix: str = "") -> Definition:
    """A definition from JSON. Raises InvalidInput naming each fault by its path, as in `steps.convert.needs`."""
    try:
        return Definition.model_validate(value)
    except ValidationError as error:
        faults = tuple(_faults(error, prefix))
    raise InvalidInput("; ".join(f"{one.field or 'workflow'}: {one.message}" for one in faults[:5]), errors=faults)


def _faults(error: ValidationError, prefix: str) -> Iterator[FieldError]:
    told = set[str]()
    for one in error.errors(include_url=False):
        place = [str(part) for part in one["loc"] if part != "[key]" and not _is_alternative(part)]
        message = words(one)
        if one["type"] == "string_pattern_mismatch" and (one["loc"][-1:] == ("[key]",) or "needs" in one["loc"]):
            message = "is no key: up to 50 letters, digits and _, a small letter first."
        elif place[-1:] == ["forEach"] and len(place) < len(one["loc"]):
            message = "must be a list, or an expression that gives one."
        path = ".".join([prefix, *place]).strip(".")
        # Where there are alternatives each has its fault.
        if path not in told:
            yield FieldError(path, message)
        told.add(path)


def _is_alternative(part: int | str) -> bool:
    """Whether it is no place but one of several kinds of what may stand there."""
    return isinstance(part, str) and part.startswith(("constrained-", "tuple["))
