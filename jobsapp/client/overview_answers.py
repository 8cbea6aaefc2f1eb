"""What the server answers about job types, queues and numbers: see `answers`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jobsapp.client.answers import Answer


class JobType(Answer, frozen=True, kw_only=True):
    """A job type. `input_schema` is the JSON Schema of `data`."""

    type: str
    title: str
    description: str
    queue: str
    available: bool
    unavailable_reason: str | None = None
    max_attempts: int
    input_schema: dict[str, Any]
    icon: str = ""


class JobTypes(Answer, frozen=True, kw_only=True):
    types: tuple[JobType, ...]


class Pause(Answer, frozen=True, kw_only=True):
    """Since when a queue is paused, by whom, and why."""

    at: datetime
    by: str | None = None
    reason: str | None = None


class Limit(Answer, frozen=True, kw_only=True):
    """A limit and how much of it is used."""

    scope: str
    key: str
    max_active: int | None = None
    max_starts: int | None = None
    period_seconds: float | None = None
    active: int | None = None
    starts: int | None = None


class Queue(Answer, frozen=True, kw_only=True):
    """A queue. `depth`: due jobs that wait, counted up to 10,000. `workers` None: not known right now."""

    name: str
    types: tuple[str, ...] = ()
    paused: Pause | None = None
    limits: tuple[Limit, ...] = ()
    depth: int
    depth_is_more: bool = False
    oldest_at: datetime | None = None
    workers: int | None = None


class Queues(Answer, frozen=True, kw_only=True):
    queues: tuple[Queue, ...]


class Stats(Answer, frozen=True, kw_only=True):
    """Numbers about jobs: durations in milliseconds, rates between 0 and 1, None if nothing finished yet."""

    total: int
    by_status: dict[str, int]
    by_type: dict[str, dict[str, int]]
    success_rate: float | None
    failure_rate: float | None
    duration_p50_ms: float | None
    duration_p95_ms: float | None
    queue_depth: dict[str, int]
