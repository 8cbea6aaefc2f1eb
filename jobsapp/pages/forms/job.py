"""The form of a new job: the fields of its type and those that every job has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self
from uuid import UUID

from jobsapp.errors import FieldError, InvalidInput
from jobsapp.models import StoredFile
from jobsapp.pages.forms.fields import Choice, Field, fields_of
from jobsapp.pages.forms.posted import Posted, data_of, posted_texts, texts_of, unreadable
from jobsapp.processors.registry import JobType
from jobsapp.services.jobs import DESCRIPTION_LENGTH, LONGEST_SECONDS, MAX_ATTEMPTS, NAME_LENGTH, NewJob

PRIORITY_LIMIT = 1_000_000
NAMED = re.compile(r"^(\w+): (.+)$", re.DOTALL)
WORDS = {
    "Field required": "Please fill this in.",
    "Input should be a valid integer": "This must be a whole number.",
    "Input should be a valid number": "This must be a number.",
    "Input should be a valid UUID": "This is not the id of a file.",
}

WHEN_PARENTS_FAIL = (
    Choice("cancel", "Cancel this one"),
    Choice("fail", "Let it fail too"),
    Choice("continue", "Go on"),
)

COMMON = (
    Field("name", "name", "text", "Name", "What lists call the job. Empty: named for what it does.",
          max_length=NAME_LENGTH),
    Field("description", "description", "long", "Description", "For you and your colleagues.",
          max_length=DESCRIPTION_LENGTH, advanced=True),
    Field("priority", "priority", "integer", "Priority", "Larger runs first. 0 is usual.", default=0,
          minimum=-PRIORITY_LIMIT, maximum=PRIORITY_LIMIT, advanced=True),
    Field("maxAttempts", "max_attempts", "integer", "Attempts at most",
          "How often it may be tried when it fails.", nullable=True, minimum=1, maximum=MAX_ATTEMPTS, advanced=True),
    Field("dependsOn", "depends_on", "lines", "After these jobs",
          "Ids of jobs that must be completed before it starts.", advanced=True),
    Field("onParentFailure", "on_parent_failure", "choice", "If one of them fails or is cancelled",
          "What becomes of this job.", default="cancel", advanced=True, choices=WHEN_PARENTS_FAIL),
    Field("timeoutSeconds", "timeout_seconds", "number", "Seconds for an attempt",
          "One that takes longer is stopped. Empty: as the type says.", nullable=True, minimum=0,
          maximum=LONGEST_SECONDS, advanced=True),
)  # fmt: skip
MOMENTS = {
    "runAt": ("Not before", "Empty: as soon as a worker is free."),
    "expiresAt": ("Not after", "If it still waits then, it is cancelled. Empty: it waits as long as it takes."),
}
"""Fields for a time, drawn by a template of their own: what they are called, and the help beside them."""


@dataclass
class JobForm:
    """A form with what stands in its fields and what is wrong with it."""

    type: JobType
    fields: list[Field]
    texts: dict[str, Any]
    files: dict[str, StoredFile] = field(default_factory=dict)
    """Stored files by id, for the fields that name them."""
    errors: dict[str, str] = field(default_factory=dict)
    """By the field's name; "" for what concerns the whole form."""
    secrets_of: UUID | None = None
    """The job whose secrets are kept where the form has none."""

    common: ClassVar[Sequence[Field]] = COMMON
    moments: ClassVar[Mapping[str, tuple[str, str]]] = MOMENTS

    @classmethod
    def fields_for(cls, job_type: JobType) -> list[Field]:
        """Those that come from the type."""
        return fields_of(job_type.processor.Input)

    @classmethod
    def blank(cls, job_type: JobType, data: Mapping[str, Any] | None = None, **common: Any) -> Self:
        """A new form, with defaults, or filled with `data`."""
        fields = cls.fields_for(job_type)
        texts = texts_of(fields, data or {})
        texts |= {"priority": "0", "maxAttempts": str(job_type.processor.retry.attempts)}
        texts |= {"onParentFailure": "cancel", **common}
        return cls(job_type, fields, texts)

    @classmethod
    def posted(cls, job_type: JobType, posted: Posted) -> Self:
        """The form as somebody sent it."""
        fields = cls.fields_for(job_type)
        texts = {name: posted.get(name, "") for name in (*(item.name for item in cls.common), *MOMENTS)}
        return cls(job_type, fields, texts | posted_texts(fields, posted))

    def own_fields(self) -> list[Field]:
        """Those that do not come from the type."""
        return list(self.common)

    def basic(self) -> list[Field]:
        return [item for item in self.fields if not item.advanced]

    def advanced(self) -> list[Field]:
        return [item for item in self.fields if item.advanced]

    def common_advanced(self) -> list[Field]:
        return [item for item in self.common if item.advanced]

    def has_errors_in(self, fields: Iterable[Field], *others: str) -> bool:
        """Whether a group of fields has to be shown open."""
        return any(name in self.errors for name in (*(item.name for item in every(fields)), *others))

    def file_fields(self) -> list[Field]:
        return [item for item in every(self.fields) if item.kind in ("file", "files")]

    def file_ids(self) -> list[str]:
        """Ids in the fields that name files."""
        found = []
        for item in self.file_fields():
            value = self.texts.get(item.name)
            found += value if isinstance(value, list) else [value] if value else []
        return found

    def new_job(self, posted: Posted) -> NewJob:
        """What the form asks for. Raises InvalidInput for what cannot be read at all."""
        faults = unreadable(self.fields, posted)
        if faults:
            raise InvalidInput("Some fields cannot be read.", errors=tuple(faults))
        return NewJob(
            type=self.type.name,
            data=data_of(self.fields, posted),
            name=posted.get("name", "").strip()[:NAME_LENGTH] or None,
            description=posted.get("description", "").strip()[:DESCRIPTION_LENGTH],
            priority=whole_of(posted, "priority", PRIORITY_LIMIT) or 0,
            max_attempts=whole_of(posted, "maxAttempts", MAX_ATTEMPTS),
            run_at=moment_of(posted, "runAt"),
            expires_at=moment_of(posted, "expiresAt"),
            timeout_seconds=_number(posted, "timeoutSeconds"),
            depends_on=_ids(posted, "dependsOn"),
            on_parent_failure=posted.get("onParentFailure") or None,
        )

    def keep(self, data: Mapping[str, Any]) -> None:
        """Show of the secrets in `data`, which are masks, that they are there."""
        old = texts_of(self.fields, data)
        for item in every(self.fields):
            if item.kind == "secret" and not self.texts.get(item.name):
                self.texts[item.name] = old.get(item.name, "")

    def refuse(self, error: InvalidInput) -> None:
        """Put each fault beside the field it belongs to; what belongs to none is said above the form."""
        names = {item.name: item for item in (*every(self.fields), *self.own_fields())} | dict.fromkeys(self.moments)
        for fault in error.errors or (FieldError("", error.detail),):
            name, message = _located(fault, names)
            self.errors.setdefault(name, _in_words(message, names.get(name)))


def every(fields: Iterable[Field]) -> Iterator[Field]:
    """The fields and those inside groups."""
    for item in fields:
        yield item
        yield from every(item.fields)


def _located(fault: FieldError, names: Mapping[str, Field | None]) -> tuple[str, str]:
    """The nearest field around the fault. A rule of the whole model may begin with the key of one."""
    named = NAMED.match(fault.message)
    if named and f"{fault.field}.{named[1]}" in names:
        return f"{fault.field}.{named[1]}", named[2]
    name = fault.field
    while name not in names and "." in name:
        name = name.rpartition(".")[0]
    return (name, fault.message) if name in names else ("", fault.message)


def _in_words(message: str, item: Field | None) -> str:
    if message == "Field required" and item is not None and item.kind in ("file", "files"):
        return "Choose a file."
    if message == "Field required" and item is not None and item.kind == "choice":
        return "Choose one."
    for start, words in WORDS.items():
        if message.startswith(start):
            return words
    return message[:1].upper() + message[1:]


def whole_of(posted: Posted, name: str, limit: int) -> int | None:
    text = posted.get(name, "").strip()
    if not text:
        return None
    try:
        number = int(text)
    except ValueError:
        raise InvalidInput.of(name, "This must be a whole number.") from None
    if abs(number) > limit:
        raise InvalidInput.of(name, f"This may be up to {limit:,}.")
    return number


def _ids(posted: Posted, name: str) -> tuple[UUID, ...] | None:
    found = []
    for text in posted.get(name, "").split():
        try:
            found.append(UUID(text))
        except ValueError:
            raise InvalidInput.of(name, f"This is not the id of a job: {text}") from None
    return tuple(found) or None


def _number(posted: Posted, name: str) -> float | None:
    text = posted.get(name, "").strip()
    try:
        return float(text) if text else None
    except ValueError:
        raise InvalidInput.of(name, "This must be a number.") from None


def moment_of(posted: Posted, name: str) -> datetime | None:
    """A time; `…Offset` holds the minutes by which the browser's clock is ahead of UTC at that time."""
    text = posted.get(name, "").strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        offset = timedelta(minutes=int(posted.get(f"{name}Offset") or 0))
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC) - offset
    except (ValueError, OverflowError):
        raise InvalidInput.of(name, "This is not a time. Write it as 2026-11-23T18:00.") from None
