"""What the server answers about schedules: see `answers`."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from jobsapp.client.answers import Answer


class Schedule(Answer, frozen=True, kw_only=True):
    """Creates jobs at certain times. `text`: when, in words. `status`: active, paused or ended.

    `owner` None: it is declared in code.
    """

    id: UUID
    type: str
    name: str
    description: str = ""
    data: dict[str, Any]
    priority: int = 0
    max_attempts: int | None = None
    timeout_seconds: float | None = None
    cron: str | None = None
    zone: str = "UTC"
    every_seconds: int | None = None
    anchor: datetime | None = None
    text: str
    ends_at: datetime | None = None
    jitter_seconds: int = 0
    missed: str
    missed_limit: int
    overlap: str
    status: str
    paused_at: datetime | None = None
    paused_by: str | None = None
    pause_reason: str | None = None
    next_runs: tuple[datetime, ...] = ()
    last_run_at: datetime | None = None
    last_job_id: UUID | None = None
    last_job_status: str | None = None
    runs: int = 0
    owner: str | None = None
    declared: bool = False
    changeable: bool = False
    created_at: datetime
    updated_at: datetime


class SchedulePage(Answer, frozen=True, kw_only=True):
    schedules: tuple[Schedule, ...]
    next_cursor: str | None = None


class ScheduleRun(Answer, frozen=True, kw_only=True):
    """What came of a time at which a schedule was due: `created`, `missed` or `overlapped`."""

    run_at: datetime
    made_at: datetime
    outcome: str
    job_id: UUID | None = None
    job_status: str | None = None
    asked_by: str | None = None
    missed: int = 0
    missed_is_more: bool = False


class ScheduleRunPage(Answer, frozen=True, kw_only=True):
    runs: tuple[ScheduleRun, ...]
    next_before: datetime | None = None


class SchedulePreview(Answer, frozen=True, kw_only=True):
    """What a timing means, in words and as the next five runs."""

    text: str
    next_runs: tuple[datetime, ...] = ()
