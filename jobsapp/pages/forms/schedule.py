"""The form of a schedule: when it is due, and the form of its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from jobsapp.core.cron import LENGTH
from jobsapp.core.schedules import LONGEST_EVERY, LONGEST_JITTER, MOST_CAUGHT_UP, Missed, Overlap
from jobsapp.core.sealing import SEALED, shown
from jobsapp.errors import FieldError, InvalidInput
from jobsapp.models import Schedule
from jobsapp.pages.forms.fields import Choice, Field
from jobsapp.pages.forms.job import COMMON, JobForm, moment_of, whole_of
from jobsapp.pages.forms.posted import Posted
from jobsapp.pages.language import local
from jobsapp.processors.registry import JobType
from jobsapp.services.new_schedules import JOB_FIELDS, ZONE_LENGTH, NewSchedule

UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}
WHEN = (
    Field("kind", "kind", "choice", "Repeats", default="cron",
          choices=(Choice("cron", "By the clock"), Choice("every", "Every so often"))),
    Field("cron", "cron", "text", "Cron expression",
          "Minute, hour, day of month, month, day of week: `30 2 * * *` is every night at 02:30. Names (`MON-FRI`), "
          "`L` (the last) and `#` (`MON#1`: the first Monday) work too.", needed=True, placeholder="0 9 * * MON-FRI",
          max_length=LENGTH, when='{"kind": ["cron"]}'),
    Field("zone", "zone", "text", "Time zone", "On whose clock, as `Europe/Berlin`.", needed=True,
          max_length=ZONE_LENGTH, when='{"kind": ["cron"]}'),
    Field("every", "every_seconds", "integer", "Every", needed=True, minimum=1, maximum=LONGEST_EVERY,
          when='{"kind": ["every"]}'),
    Field("unit", "unit", "choice", "Unit", default="minutes", when='{"kind": ["every"]}',
          choices=tuple(Choice(name, name.capitalize()) for name in UNITS)),
)  # fmt: skip
POLICY = (
    Field("overlap", "overlap", "choice", "If the last job has not ended", default=Overlap.SKIP,
          choices=(Choice(Overlap.SKIP, "Skip this run"), Choice(Overlap.QUEUE, "Wait for its end"),
                   Choice(Overlap.CANCEL, "Cancel it, then run"), Choice(Overlap.ALLOW, "Run beside it"))),
    Field("missed", "missed", "choice", "If runs were missed", "When nobody was there to start jobs in time.",
          default=Missed.ONCE,
          choices=(Choice(Missed.SKIP, "Leave them out"), Choice(Missed.ONCE, "Make one for all of them"),
                   Choice(Missed.ALL, "Make them all, up to a bound"))),
    Field("missedLimit", "missed_limit", "integer", "At most", "Only the latest so many are made.", default=10,
          minimum=1, maximum=MOST_CAUGHT_UP, when='{"missed": ["all"]}'),
    Field("jitterSeconds", "jitter_seconds", "integer", "Seconds of jitter",
          "Each run is late by up to so much, so that not everything begins at once.", default=0, minimum=0,
          maximum=LONGEST_JITTER),
)  # fmt: skip
# Of what it waits for: its time.
OF_JOBS = tuple(item for item in COMMON if item.key not in ("depends_on", "on_parent_failure"))
ENDS = {"endsAt": ("Ends", "No run is due after this time. Empty: it goes on.")}


class ScheduleForm(JobForm):
    """What a JobForm is, and when its jobs are created."""

    common = OF_JOBS
    moments = ENDS
    when = WHEN
    policy = POLICY

    @classmethod
    def new(cls, job_type: JobType, data: Mapping[str, Any] | None = None, **common: Any) -> Self:
        """A form with defaults."""
        form = cls.blank(job_type, data, **{item.name: _text(item.default) for item in (*WHEN, *POLICY)})
        form.texts |= {"zone": "UTC", "every": "15", "maxAttempts": "", **common}
        return form

    @classmethod
    def of(cls, job_type: JobType, row: Schedule) -> Self:
        """The form of a schedule that is kept."""
        form = cls.new(job_type, shown(row.data))
        common = {item.name: _text(getattr(row, item.key)) for item in (*OF_JOBS, *POLICY)}
        unit = next(name for name, size in reversed(UNITS.items()) if (row.every_seconds or 60) % size == 0)
        form.texts |= common | {
            "kind": "cron" if row.cron is not None else "every",
            "cron": row.cron or "",
            "zone": row.zone,
            "every": str((row.every_seconds or 900) // UNITS[unit]),
            "unit": unit,
            "endsAt": local(row.ends_at) if row.ends_at else "",
        }
        form.secrets_of = row.id if SEALED in row.data else None
        return form

    @classmethod
    def posted(cls, job_type: JobType, posted: Posted) -> Self:
        form = super().posted(job_type, posted)
        names = (*(item.name for item in (*WHEN, *POLICY)), *ENDS)
        form.texts |= {name: posted.get(name, "") for name in names}
        return form

    def new_schedule(self, posted: Posted) -> NewSchedule:
        """What the form asks for. Raises InvalidInput for what cannot be read at all."""
        job = self.new_job(posted)
        said = {name: getattr(job, name) for name in JOB_FIELDS}
        return timing_of(posted, NewSchedule(**said)).changed(
            {
                "ends_at": moment_of(posted, "endsAt"),
                "jitter_seconds": whole_of(posted, "jitterSeconds", LONGEST_JITTER) or 0,
                "missed": posted.get("missed", ""),
                "missed_limit": whole_of(posted, "missedLimit", MOST_CAUGHT_UP) or 10,
                "overlap": posted.get("overlap", ""),
            }
        )

    def own_fields(self) -> list[Field]:
        return [*super().own_fields(), *WHEN, *POLICY]

    def refuse(self, error: InvalidInput) -> None:
        super().refuse(_as_posted(error))


def timing_of(posted: Posted, new: NewSchedule) -> NewSchedule:
    """What the first part of the form says. Raises InvalidInput for what cannot be read at all."""
    if posted.get("kind") != "every":
        if not posted.get("cron", "").strip():
            raise InvalidInput.of("cron", "Say when, as in 0 9 * * MON-FRI: at 09:00 on working days.")
        return new.changed({"cron": posted.get("cron", ""), "zone": posted.get("zone", "")})
    count = whole_of(posted, "every", LONGEST_EVERY)
    if count is None:
        raise InvalidInput.of("every", "Please fill this in.")
    return new.changed({"every_seconds": count * UNITS.get(posted.get("unit", ""), 60)})


def in_words(error: InvalidInput) -> str:
    """What is wrong with a timing, as a sentence."""
    message = error.errors[0].message if error.errors else error.detail
    return message[:1].upper() + message[1:]


def _as_posted(error: InvalidInput) -> InvalidInput:
    names = {"everySeconds": "every", "anchor": "every"}
    faults = tuple(FieldError(names.get(one.field, one.field), one.message) for one in error.errors)
    return InvalidInput(error.detail, errors=faults)


def _text(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
