"""Schedules: create, list, change, pause, resume, run, delete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict, Unpack
from uuid import UUID

from jobsapp.client.base import Calls
from jobsapp.client.errors import NotFound
from jobsapp.client.retries import Repeat
from jobsapp.client.schedule_answers import Schedule, SchedulePage, SchedulePreview, ScheduleRun, ScheduleRunPage

PAGE = 200


class Timing(TypedDict, total=False):
    """When a schedule is due: `cron` on the clock of `zone`, or `every_seconds`. Times without a zone are this
    machine's."""

    cron: str | None
    zone: str
    every_seconds: int | None
    anchor: datetime | None
    ends_at: datetime | None
    jitter_seconds: int


class ScheduleFields(Timing, total=False):
    """What else a schedule says. `missed`: what happens to runs that nobody was there to make; `overlap`: and to one
    that is due while the last job has not ended."""

    name: str | None
    description: str
    priority: int
    max_attempts: int | None
    timeout_seconds: float | None
    missed: Literal["skip", "once", "all"]
    missed_limit: int
    overlap: Literal["skip", "queue", "cancel", "allow"]


class ScheduleCalls(Calls):
    """Calls about schedules."""

    def create_schedule(
        self, type: str, data: Mapping[str, Any] | None = None, **said: Unpack[ScheduleFields]
    ) -> Schedule:
        """Create a schedule of jobs of this type with this input. Raises InvalidInput naming the fields.

        Example:
            schedule = client.create_schedule("data-conversion", data, cron="30 2 * * *", zone="Europe/Berlin")
            print(schedule.text, schedule.next_runs[0])
        """
        body = {"type": type, "data": dict(data or {}), **_written(said)}
        return self._tell(Schedule, "POST", "api/schedules", body, repeat=Repeat.UNDONE)

    def schedule(self, schedule: Schedule | UUID | str) -> Schedule:
        """The schedule as it is now. Raises NotFound.

        Example:
            print(client.schedule(schedule.id).last_job_status)
        """
        return self._ask(Schedule, f"api/schedules/{_id(schedule)}")

    def schedules(
        self,
        *,
        type: str | None = None,
        status: Literal["active", "paused", "ended"] | None = None,
        user: str | None = None,
        job: UUID | str | None = None,
    ) -> Iterator[Schedule]:
        """All schedules that match, the newest first; `job`: the one that created it.

        Example:
            for one in client.schedules(status="active", user="me"):
                print(one.name, one.text)
        """
        said = {"type": type, "status": status, "user": user, "job": None if job is None else str(job)}
        params = {name: value for name, value in said.items() if value is not None} | {"limit": str(PAGE)}
        while True:
            page = self._ask(SchedulePage, "api/schedules", params=params)
            yield from page.schedules
            if page.next_cursor is None:
                return
            params["cursor"] = page.next_cursor

    def change_schedule(
        self,
        schedule: Schedule | UUID | str,
        *,
        data: Mapping[str, Any] | None = None,
        **changes: Unpack[ScheduleFields],
    ) -> Schedule:
        """Change what is given; the rest stays. `cron` takes the place of `every_seconds`, and the other way round.

        Example:
            schedule = client.change_schedule(schedule, every_seconds=3600, overlap="queue")
        """
        body = _written(changes) | ({} if data is None else {"data": dict(data)})
        return self._tell(Schedule, "PATCH", f"api/schedules/{_id(schedule)}", body, repeat=Repeat.ALWAYS)

    def pause_schedule(self, schedule: Schedule | UUID | str, *, reason: str | None = None) -> Schedule:
        """Let nothing be due until it is resumed.

        Example:
            print(client.pause_schedule(schedule, reason="holidays").status)
        """
        body = {} if reason is None else {"reason": reason}
        return self._tell(Schedule, "POST", f"api/schedules/{_id(schedule)}/pause", body, repeat=Repeat.ALWAYS)

    def resume_schedule(self, schedule: Schedule | UUID | str) -> Schedule:
        """Plan its next run from now on.

        Example:
            print(client.resume_schedule(schedule).next_runs)
        """
        return self._tell(Schedule, "POST", f"api/schedules/{_id(schedule)}/resume", {}, repeat=Repeat.ALWAYS)

    def run_schedule(self, schedule: Schedule | UUID | str) -> ScheduleRun:
        """Create a job of it now, whatever is due or runs.

        Example:
            print(client.run_schedule(schedule).job_id)
        """
        return self._tell(ScheduleRun, "POST", f"api/schedules/{_id(schedule)}/run", {}, repeat=Repeat.UNDONE)

    def schedule_runs(self, schedule: Schedule | UUID | str) -> Iterator[ScheduleRun]:
        """What came of its runs, the latest first. Pages are asked for as they are needed.

        Example:
            print([run.outcome for run in client.schedule_runs(schedule)])
        """
        params = {"limit": str(PAGE)}
        while True:
            page = self._ask(ScheduleRunPage, f"api/schedules/{_id(schedule)}/runs", params=params)
            yield from page.runs
            if page.next_before is None:
                return
            params["before"] = page.next_before.isoformat()

    def preview_schedule(self, **timing: Unpack[Timing]) -> SchedulePreview:
        """What a timing means, in words, and the next five runs. Nothing is kept.

        Example:
            print(client.preview_schedule(cron="0 9 * * MON#1", zone="America/New_York").text)
        """
        return self._tell(SchedulePreview, "POST", "api/schedules/preview", _written(timing), repeat=Repeat.ALWAYS)

    def delete_schedule(self, schedule: Schedule | UUID | str) -> None:
        """Delete it with its history; its jobs stay. Raises NotFound.

        Example:
            client.delete_schedule(schedule)
        """
        try:
            self._wire.send("DELETE", f"api/schedules/{_id(schedule)}")
        except NotFound as error:
            if not error.repeated:
                raise


def _id(schedule: Schedule | UUID | str) -> UUID:
    return schedule.id if isinstance(schedule, Schedule) else UUID(str(schedule))


def _written(said: Mapping[str, Any]) -> dict[str, Any]:
    """As the API takes it."""
    return {
        name: value.astimezone().isoformat() if isinstance(value, datetime) else value for name, value in said.items()
    }
