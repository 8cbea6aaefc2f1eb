"""Which jobs a list shows, as a value: the same question for one job here and for the rows of the database.

What is fixed for a job (type, queue, owner, name, time) and what changes (its state) are told apart: a live list
hears of every job that it may show, and shows those that match.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Protocol
from uuid import UUID

from jobsapp.core.ids import first_id_at


class Listed(Protocol):
    """What a filter looks at."""

    @property
    def id(self) -> UUID: ...
    @property
    def type(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def user_id(self) -> UUID | None: ...
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def batch_id(self) -> UUID | None: ...
    @property
    def status(self) -> str: ...


@dataclass(frozen=True)
class JobFilter:
    """Which jobs to list. Empty fields do not narrow.

    `text` is looked for in names and descriptions, small and large letters alike. The times have zones; a job's time
    is that of its id, within milliseconds of its `createdAt`, so that a time is a place in the list.
    """

    type: str | None = None
    status: str | None = None
    queue: str | None = None
    user_id: UUID | None = None
    text: str | None = None
    created_after: datetime | None = None
    """That moment included."""
    created_before: datetime | None = None
    batch_id: UUID | None = None

    def matches(self, job: Listed) -> bool:
        """Whether the list shows the job as it is now."""
        return self.may_match(job) and self.status in (None, job.status)

    def may_match(self, job: Listed) -> bool:
        """Whether the list shows the job in some state."""
        return (
            self.type in (None, job.type)
            and self.queue in (None, job.queue)
            and self.user_id in (None, job.user_id)
            and self.batch_id in (None, job.batch_id)
            and (self.first_id is None or job.id >= self.first_id)
            and (self.end_id is None or job.id < self.end_id)
            and (self._words is None or bool(self._words.search(job.name) or self._words.search(job.description)))
        )

    def narrowed(self, **changes: object) -> JobFilter:
        return replace(self, **changes)  # type: ignore[arg-type]

    @cached_property
    def first_id(self) -> UUID | None:
        """No job with a smaller id."""
        return None if self.created_after is None else first_id_at(self.created_after)

    @cached_property
    def end_id(self) -> UUID | None:
        """All jobs have smaller ids."""
        return None if self.created_before is None else first_id_at(self.created_before)

    @cached_property
    def pattern(self) -> str | None:
        """The text as a regular expression that Python and PostgreSQL take alike, whatever the database's locale."""
        return "".join(map(_either_case, self.text)) if self.text else None

    @cached_property
    def _words(self) -> re.Pattern[str] | None:
        return re.compile(self.pattern, re.DOTALL) if self.pattern else None


def cases(character: str) -> set[str]:
    """The characters that count as the same in a text that is looked for."""
    return {character, *(one for one in (character.lower(), character.upper()) if len(one) == 1)}


def _either_case(character: str) -> str:
    either = cases(character)
    if len(either) > 1:
        return f"[{''.join(sorted(either))}]"
    # What is no letter stands for itself once it is escaped; letters and digits may not be.
    return f"\\{character}" if character.isascii() and not character.isalnum() else character
