"""Schedules that the author of a job type declares with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from jobsapp.core import cron
from jobsapp.core.schedules import LONGEST_EVERY
from jobsapp.errors import ConfigError

Missed = Literal["skip", "once", "all"]
Overlap = Literal["skip", "queue", "cancel", "allow"]


@dataclass(frozen=True)
class Cron:
    """Create a job with this input whenever the expression is due on the clock of `zone`, as `"0 9 * * MON-FRI"`.

    `name`: of the schedule and its jobs, another for each of a type. `missed`: what happens when nobody was there to
    create a job in time. `overlap`: and when the last one has not ended. `jitter_seconds`: by up to so much it is late.
    """

    expression: str
    zone: str = "UTC"
    name: str = field(default="", kw_only=True)
    data: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    missed: Missed = field(default="once", kw_only=True)
    overlap: Overlap = field(default="skip", kw_only=True)
    jitter_seconds: int = field(default=0, kw_only=True)

    def timing(self) -> dict[str, Any]:
        """The fields of a schedule. Raises CronError."""
        cron.check(self.expression, self.zone)
        return {"cron": self.expression, "zone": self.zone, **_common(self)}


@dataclass(frozen=True)
class Every:
    """Create a job with this input every so often: whole seconds, or a timedelta. Otherwise as `Cron`."""

    interval: int | timedelta
    name: str = field(default="", kw_only=True)
    data: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    missed: Missed = field(default="once", kw_only=True)
    overlap: Overlap = field(default="skip", kw_only=True)
    jitter_seconds: int = field(default=0, kw_only=True)

    def timing(self) -> dict[str, Any]:
        """The fields of a schedule. Raises ValueError."""
        seconds = self.interval.total_seconds() if isinstance(self.interval, timedelta) else self.interval
        if seconds != int(seconds) or not 1 <= seconds <= LONGEST_EVERY:
            raise ValueError(f"an interval has whole seconds, from 1 to {LONGEST_EVERY:,}")
        return {"every_seconds": int(seconds), **_common(self)}


def check(type_name: str, schedules: tuple[Cron | Every, ...], model: type[BaseModel]) -> None:
    """Raises ConfigError for schedules that cannot be, of the same name, or with data that is no input of the type."""
    names = [one.name for one in schedules]
    if len(set(names)) < len(names):
        raise ConfigError(f"The job type {type_name!r} declares two schedules of the same name; give each its own.")
    for one in schedules:
        where = f"The job type {type_name!r} declares the schedule {one.name!r}"
        try:
            one.timing()
            model.model_validate(dict(one.data))
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            place = ".".join(map(str, fault["loc"]))
            raise ConfigError(f"{where}: data.{place}: {fault['msg']}.") from None
        except ValueError as error:
            raise ConfigError(f"{where}: {error}") from None


def _common(one: Cron | Every) -> dict[str, Any]:
    return {"missed": one.missed, "overlap": one.overlap, "jitter_seconds": one.jitter_seconds}
