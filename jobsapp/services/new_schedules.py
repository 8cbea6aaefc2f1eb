"""What may be said of a schedule, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Any
from uuid import UUID

from jobsapp.core import cron
from jobsapp.core.actors import Actor
from jobsapp.core.schedules import LONGEST_EVERY, LONGEST_JITTER, MOST_CAUGHT_UP, Missed, Overlap, Timing
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import FieldError, InvalidInput
from jobsapp.models import Schedule
from jobsapp.processors.registry import Registry
from jobsapp.services.bulk import Admissions
from jobsapp.services.inputs import Inputs, files_of
from jobsapp.services.job_times import moment
from jobsapp.services.new_jobs import MAX_ATTEMPTS, NAME_LENGTH, NewJob, bounded, installed
from jobsapp.services.secrets import Secrets

ZONE_LENGTH = 100
GAPS_LOOKED_AT = 50


@dataclass(frozen=True)
class NewSchedule:
    """What a caller may say of a schedule. `cron` with `zone`, or `every_seconds` with `anchor`. Its jobs are as a
    NewJob of the same fields."""

    type: str
    data: Any
    name: str | None = None
    description: str = ""
    priority: int = 0
    max_attempts: int | None = None
    timeout_seconds: float | None = None
    cron: str | None = None
    zone: str = "UTC"
    every_seconds: int | None = None
    anchor: datetime | None = None
    ends_at: datetime | None = None
    jitter_seconds: int = 0
    missed: str = Missed.ONCE
    missed_limit: int = 10
    overlap: str = Overlap.SKIP

    @property
    def timing(self) -> Timing:
        return Timing(self.cron, self.zone, self.every_seconds, self.anchor, self.ends_at)

    @property
    def job(self) -> NewJob:
        """The job of a run, as far as it is said."""
        said = {name: getattr(self, name) for name in JOB_FIELDS}
        return NewJob(**said)

    def changed(self, changes: Mapping[str, Any]) -> NewSchedule:
        """With other values. A cron expression takes the place of an interval, and the other way round."""
        said = dict(changes)
        if said.get("cron") is not None and "every_seconds" not in said:
            said |= {"every_seconds": None, "anchor": None}
        if said.get("every_seconds") is not None and "cron" not in said:
            said["cron"] = None
        return replace(self, **said)


JOB_FIELDS = ("type", "data", "name", "description", "priority", "max_attempts", "timeout_seconds")
TIMING_FIELDS = ("cron", "zone", "every_seconds", "anchor", "ends_at", "jitter_seconds")


def said_of(row: Schedule) -> NewSchedule:
    """What was said of a schedule that is kept; its data is as it is kept, with the sealed secrets."""
    return NewSchedule(**{field.name: getattr(row, field.name) for field in fields(NewSchedule)})


def refuse_timing(new: NewSchedule, now: datetime, *, is_new: bool = True) -> NewSchedule:
    """With its times in UTC. Raises InvalidInput naming each field at fault. `now`: the database's time.

    `is_new`: it is planned from now on, so there has to be a run.
    """
    refuse_faults(cron=new.cron, zone=new.zone, missed=new.missed, overlap=new.overlap)
    new = replace(new, cron=(new.cron or "").strip() or None, zone=new.zone.strip() or "UTC")
    new = replace(new, anchor=moment("anchor", new.anchor), ends_at=moment("endsAt", new.ends_at))
    if new.every_seconds is not None and new.anchor is None:
        new = replace(new, anchor=now)
    found = [FieldError(field, message) for field, message in _faults(new, now, is_new=is_new)]
    if found:
        raise InvalidInput("; ".join(f"{one.field}: {one.message}" for one in found), errors=tuple(found))
    return new


def checked_job(new: NewSchedule) -> NewJob:
    """What is said of its jobs, but for their input. Raises InvalidInput."""
    job = bounded(new.job)
    if job.max_attempts is not None and not 1 <= job.max_attempts <= MAX_ATTEMPTS:
        raise InvalidInput.of("maxAttempts", f"must be from 1 to {MAX_ATTEMPTS}.")
    return job


def checked(
    new: NewSchedule,
    actor: Actor,
    schedule_id: UUID,
    registry: Registry,
    inputs: Inputs,
    secrets: Secrets,
    admissions: Admissions,
) -> tuple[dict[str, Any], list[UUID]]:
    """The columns of a schedule whose timing was checked, and the files that its jobs read. Raises
    InvalidInput, as for a job of the same fields."""
    job = checked_job(new)
    job_type = installed(registry, job.type)
    data = job_type.validate(job.data)
    if admit := admissions.get(job_type.name):
        admit(actor, data)
    files = files_of(data, inputs.names(actor, [data]))
    name = job.name or job_type.processor.default_name(data, list(files.values()))[:NAME_LENGTH]
    values = data.model_dump(mode="json", by_alias=True)
    refuse_faults(name=name, data=values)
    kept = secrets.sealed(schedule_id, data, values)
    columns = {"type": job_type.name, "name": name, "description": job.description, "data": kept}
    return asdict(new) | columns, list(files)


def _faults(new: NewSchedule, now: datetime, *, is_new: bool) -> Iterator[tuple[str, str]]:
    yield from _timing_faults(new)
    if new.missed not in list(Missed):
        yield "missed", f"must be one of {', '.join(Missed)}."
    if new.overlap not in list(Overlap):
        yield "overlap", f"must be one of {', '.join(Overlap)}."
    if not 1 <= new.missed_limit <= MOST_CAUGHT_UP:
        yield "missedLimit", f"must be from 1 to {MOST_CAUGHT_UP}."
    if not 0 <= new.jitter_seconds <= LONGEST_JITTER:
        yield "jitterSeconds", f"must be from 0 to {LONGEST_JITTER:,} (a day)."
    if is_new and not next(_timing_faults(new), None):
        yield from _run_faults(new, now)


def _timing_faults(new: NewSchedule) -> Iterator[tuple[str, str]]:
    if (new.cron is None) == (new.every_seconds is None):
        yield "cron", "give either a cron expression, such as 0 9 * * MON-FRI, or everySeconds."
    elif new.every_seconds is not None and not 1 <= new.every_seconds <= LONGEST_EVERY:
        yield "everySeconds", f"must be from 1 to {LONGEST_EVERY:,} (a year)."
    try:
        cron.zone_of(new.zone)
    except cron.CronError as error:
        yield "zone", str(error)
        return
    try:
        if new.cron is not None:
            cron.check(new.cron, new.zone)
    except cron.CronError as error:
        yield "cron", str(error)


def _run_faults(new: NewSchedule, now: datetime) -> Iterator[tuple[str, str]]:
    runs = new.timing.next_runs(now, GAPS_LOOKED_AT)
    if not runs:
        yield "endsAt", "there is no run before that time; give a later one, or leave it out."
    shortest = min((later - first for first, later in pairwise(islice(runs, GAPS_LOOKED_AT))), default=None)
    if new.jitter_seconds and shortest is not None and timedelta(seconds=new.jitter_seconds) >= shortest:
        yield "jitterSeconds", f"must be less than the time between two runs, here {shortest.total_seconds():,.0f}."
