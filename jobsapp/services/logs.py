"""Reading the logs of jobs: their end, what comes next, and what is looked for in all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import aliased

from jobsapp.core.actors import Reader
from jobsapp.core.storable import is_storable
from jobsapp.models import JobLog
from jobsapp.services.jobs import Jobs
from jobsapp.services.sessions import DbSession

LEVELS = ("debug", "info", "warning", "error")
"""From the least to the most serious."""
SEARCHED_AT_ONCE = 100_000
"""No more lines are looked through in one go, whatever is looked for: it takes a fraction of a second."""


@dataclass(frozen=True)
class LogFilter:
    """What is looked for: lines that contain `text`, in any case, of `level` or one more serious."""

    text: str = ""
    level: str = "debug"

    @property
    def narrows(self) -> bool:
        return bool(self.text) or self.level_index > 0

    @property
    def level_index(self) -> int:
        return LEVELS.index(self.level) if self.level in LEVELS else 0


@dataclass(frozen=True)
class LogPart:
    """Lines of a log, oldest first. `older`: give it as `before` to go on further back; None: that was all.

    `last`: the newest line that was looked at, shown or not; give it as `after` later on.
    """

    lines: Sequence[JobLog]
    older: int | None
    last: int


class Logs:
    def __init__(self, session: DbSession, jobs: Jobs) -> None:
        self._session = session
        self._jobs = jobs

    def is_news(self, reader: Reader, job_id: UUID, *, after: int) -> bool:
        """Whether there is a line after `after`, or the job has ended, so that none will come. Raises NotFound."""
        state = self._jobs.state(reader, job_id)
        query = select(JobLog.id).where(JobLog.job_id == job_id, JobLog.id > after).limit(1)
        return state.finished or self._session.scalar(query) is not None

    def part(
        self,
        reader: Reader,
        job_id: UUID,
        wanted: LogFilter,
        *,
        limit: int,
        after: int = 0,
        before: int | None = None,
    ) -> LogPart:
        """The last lines that match, of those after line id `after` and before `before`. Raises NotFound."""
        self._jobs.get(reader, job_id)
        query = select(JobLog).where(JobLog.job_id == job_id, JobLog.id > after).order_by(JobLog.id.desc())
        if before is not None:
            query = query.where(JobLog.id < before)
        last = self._session.scalar(query.with_only_columns(JobLog.id).limit(1))
        if last is None or not is_storable(wanted.text):
            return LogPart([], None, last or after)
        looked_at = aliased(JobLog, query.limit(SEARCHED_AT_ONCE).subquery())
        # The one before was bounded, and found a line of this job. Here the bound would be asked of every line again.
        found = select(looked_at).order_by(looked_at.id.desc()).limit(limit + 1).execution_options(unbounded={JobLog})
        if wanted.level_index:
            found = found.where(looked_at.level.in_(LEVELS[wanted.level_index :]))
        if wanted.text:
            found = found.where(looked_at.message.icontains(wanted.text, autoescape=True))
        lines = list(self._session.scalars(found))
        if len(lines) > limit:
            return LogPart(lines[:limit][::-1], lines[limit - 1].id, last)
        edge = self._session.scalar(query.with_only_columns(JobLog.id).offset(SEARCHED_AT_ONCE).limit(1))
        return LogPart(lines[::-1], None if edge is None else edge + 1, last)
