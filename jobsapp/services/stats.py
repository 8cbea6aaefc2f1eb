"""Numbers about jobs: counts per status and type, rates, durations, queue depth."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.states import Status
from jobsapp.processors.registry import Registry
from jobsapp.services.sessions import DbSession, driver
from jobsapp.store.statements import fetch_all


class StatsView(BaseModel):
    """Counts are of jobs, durations in milliseconds, rates between 0 and 1 (None: nothing finished yet)."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    total: int
    by_status: dict[str, int]
    by_type: dict[str, dict[str, int]]
    success_rate: float | None
    failure_rate: float | None
    duration_p50_ms: float | None
    duration_p95_ms: float | None
    queue_depth: dict[str, int]
    """Jobs that are due and wait, by queue, in the caller's organisation."""


@dataclass(frozen=True)
class _Group:
    type: str | None
    status: str | None
    jobs: int
    durations_ms: list[float] | None


@dataclass(frozen=True)
class _Depth:
    queue: str
    jobs: int


class Stats:
    def __init__(self, session: DbSession, hints: Hints, registry: Registry) -> None:
        self._session = session
        self._hints = hints
        self._registry = registry

    def view(self, actor: Actor, *, whole_organization: bool = False) -> StatsView:
        """The actor's own jobs, or all of the organisation's."""
        connection = driver(self._session)
        user_id = None if whole_organization else actor.user_id
        owner = {"organization_id": actor.organization_id, "user_id": user_id}
        groups = fetch_all(connection, "job_stats", _Group, **owner)
        by_status = {status.value: 0 for status in Status}
        by_type: dict[str, dict[str, int]] = {}
        overall: list[float] = []
        for group in groups:
            if group.type is not None and group.status is not None:
                by_type.setdefault(group.type, dict.fromkeys(by_status, 0))[group.status] = group.jobs
            elif group.status is not None:
                by_status[group.status] = group.jobs
            else:
                overall = group.durations_ms or []
        ended = by_status[Status.COMPLETED] + by_status[Status.FAILED]
        depths = fetch_all(connection, "queue_depths", _Depth, **owner)
        return StatsView(
            total=sum(by_status.values()),
            by_status=by_status,
            by_type=by_type,
            success_rate=by_status[Status.COMPLETED] / ended if ended else None,
            failure_rate=by_status[Status.FAILED] / ended if ended else None,
            duration_p50_ms=overall[0] if overall else None,
            duration_p95_ms=overall[1] if overall else None,
            queue_depth={depth.queue: depth.jobs for depth in depths},
        )
