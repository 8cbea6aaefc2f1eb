"""When a cron expression is due: five fields read by `cronsim`, put on the clock of a time zone.

As cron does it (Debian's manual, crontab(5)): an expression with a fixed minute and hour is due once a day, whatever
the clocks do. A time that the clock jumps over is due right after the jump, and one that comes twice the first time.
One with a `*` in its minute or hour is due whenever the clock shows such a time: not at all, once or twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

FIELDS = 5
LENGTH = 200
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# By so much no zone sets its clock back at once.
FURTHEST_BACK = timedelta(hours=3)
# A step that fits into the hour, and what the library says of it: "Every 15th minute of every hour".
_STEP = re.compile(r"\*/([2-9]|[1-9]\d) ")
_EVERY = re.compile(r"^Every \w+ minute(?: of every hour)?")
_ANY = datetime(2026, 1, 1)  # noqa: DTZ001 - the clock on the wall, without a zone


class CronError(ValueError):
    """The expression or the zone is none. Its text is a sentence for people."""


def next_time(expression: str, zone: str, after: datetime) -> datetime | None:
    """The first moment after `after` at which the expression is due, in UTC; None: never in the next 50 years.

    Raises CronError.
    """
    sim, place = _parsed(expression), zone_of(zone)
    here = after.astimezone(place)
    if _is_fixed(expression):
        return _next_fixed(sim, place, here, after)
    return _next_moving(sim, place, here, after)


def times(expression: str, zone: str, after: datetime) -> Iterator[datetime]:
    """All of them, in order."""
    found = next_time(expression, zone, after)
    while found is not None:
        yield found
        found = next_time(expression, zone, found)


def check(expression: str, zone: str) -> None:
    """Raises CronError for an expression or a zone that is none, or that is never due."""
    zone_of(zone)
    if next(_walls(_parsed(expression), _ANY), None) is None:
        raise CronError("no day is ever like this.")


def in_words(expression: str) -> str:
    """What people would say, as in `At 09:00 on Monday through Friday`. Raises CronError."""
    said = str(_parsed(expression).explain())
    step = _STEP.match(_plain(expression))
    return _EVERY.sub(f"Every {step[1]} minutes", said) if step and 60 % int(step[1]) == 0 else said


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """Raises CronError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CronError(f"there is no time zone {name[:LENGTH]!r}; write it as Europe/Berlin or UTC.") from None


@lru_cache(maxsize=4096)
def _parsed(expression: str) -> CronSim:
    plain = _plain(expression)
    if len(plain.split()) != FIELDS or len(expression) > LENGTH:
        raise CronError("write five fields: minute, hour, day of month, month, day of week, as in 0 9 * * MON-FRI.")
    try:
        return CronSim(plain, _ANY)
    except CronSimError as error:
        raise CronError(f"{_fault(str(error))}, as in 0 9 * * MON-FRI.") from None


def _plain(expression: str) -> str:
    return NICKNAMES.get(expression.strip().lower(), expression)


def _fault(said: str) -> str:
    """`Bad day-of-month` → `the day of month cannot be read`."""
    return f"the {said.removeprefix('Bad ').replace('-', ' ')} cannot be read"


def _is_fixed(expression: str) -> bool:
    minute, hour, *_ = _plain(expression).split()
    return not minute.startswith("*") and not hour.startswith("*")


def _walls(sim: CronSim, after: datetime) -> Iterator[datetime]:
    """The times on the wall that match, without a zone: how the days of a calendar follow each other is all there is
    to it, and cronsim need not know what the clocks do."""
    sim = copy(sim)
    sim.dt = after.replace(microsecond=0)
    return iter(sim)


def _next_fixed(sim: CronSim, place: ZoneInfo, here: datetime, after: datetime) -> datetime | None:
    for wall in _walls(sim, here.replace(tzinfo=None, fold=0)):
        moment = _moments(wall, place)[:1] or [_end_of_jump(wall, place)]
        # In the hour that comes a second time, what was due in the first is over.
        if moment[0] > after:
            return moment[0]
    return None


def _next_moving(sim: CronSim, place: ZoneInfo, here: datetime, after: datetime) -> datetime | None:
    # Where the clock is about to go back, it will show again what it has shown.
    offset, later = here.utcoffset(), (after + FURTHEST_BACK).astimezone(place).utcoffset()
    back = max(timedelta(), (offset or timedelta()) - (later or timedelta()))
    best: datetime | None = None
    for wall in _walls(sim, here.replace(tzinfo=None, fold=0) - back):
        moments = _moments(wall, place)
        if best is not None and moments and moments[0] >= best:
            break
        ahead = [one for one in moments if one > after and (best is None or one < best)]
        best = ahead[0] if ahead else best
        if best is not None and not back:
            break
    return best


def _moments(wall: datetime, place: ZoneInfo) -> list[datetime]:
    """When the clock of the place shows this: never, once, or twice."""
    found = []
    for fold in (0, 1):
        moment = wall.replace(tzinfo=place, fold=fold).astimezone(UTC)
        if moment.astimezone(place).replace(tzinfo=None, fold=0) == wall and moment not in found:
            found.append(moment)
    return found


def _end_of_jump(wall: datetime, place: ZoneInfo) -> datetime:
    """The moment at which the clock jumped over this time, to the second."""
    # As PEP 495 reads a time that is none: by the offset before the jump it is after it, and the other way round.
    after = wall.replace(tzinfo=place, fold=0).astimezone(UTC)
    before = wall.replace(tzinfo=place, fold=1).astimezone(UTC)
    offset = after.astimezone(place).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(place).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
