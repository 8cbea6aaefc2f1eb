"""Finding jobs, and reading what they are, what they said and what they measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ARRAY, Select, Uuid, any_, cast, func, select
from sqlalchemy.orm import joinedload, selectinload

from jobsapp.core.actors import Actor, Guest, Reader
from jobsapp.core.filters import JobFilter
from jobsapp.core.points import Measured, series
from jobsapp.core.states import TERMINAL
from jobsapp.errors import NotFound
from jobsapp.models import Job, JobLog, JobMetric, StoredFile
from jobsapp.services.listing import Listing
from jobsapp.services.sessions import DbSession

PAGE = 50


def may_read(reader: Reader, organization_id: UUID, job_id: UUID) -> bool:
    """Whether the reader may see that job of that organisation."""
    if isinstance(reader, Guest):
        return (reader.home_id, reader.job_id) == (organization_id, job_id)
    return reader.organization_id == organization_id


@dataclass(frozen=True)
class JobState:
    """What tells one state of a job from another. `artifacts`: how many; one more does not count as a revision."""

    revision: int
    artifacts: int
    status: str

    @property
    def finished(self) -> bool:
        return self.status in TERMINAL


class JobReads:
    """What readers may see of jobs."""

    def __init__(self, session: DbSession) -> None:
        self._session = session
        self._listing = Listing(session)

    def get(self, reader: Reader, job_id: UUID) -> Job:
        """Raises NotFound for a job that does not exist or belongs to another organisation."""
        job = self.find(reader, [job_id])
        if not job:
            raise NotFound(f"There is no job {job_id}.")
        return job[0]

    def state(self, reader: Reader, job_id: UUID) -> JobState:
        """As little of the job as tells whether it changed. Raises NotFound as `get`."""
        artifacts = select(func.count()).where(StoredFile.job_id == Job.id).scalar_subquery()
        query = self._visible(reader).where(Job.id == job_id)
        row = self._session.execute(query.with_only_columns(Job.revision, artifacts, Job.status)).one_or_none()
        if row is None:
            raise NotFound(f"There is no job {job_id}.")
        return JobState(*row)

    def find(self, reader: Reader, job_ids: Sequence[UUID]) -> list[Job]:
        """Those of these jobs that the reader may see, as they are now, with their artifacts."""
        query = self._visible(reader).where(Job.id.in_(job_ids)).options(selectinload(Job.artifacts))
        return list(self._session.scalars(query.execution_options(populate_existing=True)))

    def read(self, job_ids: Sequence[UUID]) -> list[Job]:
        """These jobs as they are now, whoever they belong to, in one statement. The caller checks who may see them."""
        query = select(Job).where(Job.id.in_(job_ids)).options(joinedload(Job.artifacts))
        return list(self._session.scalars(query.execution_options(populate_existing=True)).unique())

    def existing(self, job_ids: Iterable[UUID]) -> set[UUID]:
        """Those of these ids that are jobs, whoever they belong to, in one statement."""
        wanted = any_(cast(list(job_ids), ARRAY(Uuid)))
        return set(self._session.scalars(select(Job.id).where(Job.id == wanted)))

    def newest(self, organization_id: UUID, limit: int) -> list[UUID]:
        """Ids of the organisation's newest jobs."""
        query = select(Job.id).where(Job.organization_id == organization_id).order_by(Job.id.desc()).limit(limit)
        return list(self._session.scalars(query))

    def page(
        self, actor: Actor, wanted: JobFilter, *, before: UUID | None = None, limit: int = PAGE
    ) -> tuple[list[Job], UUID | None]:
        """A page of jobs, newest first, and the id to give as `before` for the next one (None: no more).

        The page may be short and not the last: see `Listing.page`.
        """
        return self._listing.page(actor.organization_id, wanted, before=before, limit=limit)

    def log(self, reader: Reader, job_id: UUID, *, after: int = 0, limit: int = 500) -> list[JobLog]:
        """Lines of the job's log after line id `after`, oldest first."""
        self.get(reader, job_id)
        query = select(JobLog).where(JobLog.job_id == job_id, JobLog.id > after).order_by(JobLog.id).limit(limit)
        return list(self._session.scalars(query))

    def metrics(self, reader: Reader, job_id: UUID) -> dict[str, list[tuple[float, float]]]:
        """What the job measured: (step, value) by key."""
        self.get(reader, job_id)
        query = select(JobMetric.attempt, JobMetric.key, JobMetric.step, JobMetric.value)
        rows = self._session.execute(query.where(JobMetric.job_id == job_id).order_by(JobMetric.id))
        return series(Measured(*row) for row in rows)

    def _visible(self, reader: Reader) -> Select[Job]:
        if isinstance(reader, Guest):
            return select(Job).where(Job.organization_id == reader.home_id, Job.id == reader.job_id)
        return select(Job).where(Job.organization_id == reader.organization_id)
