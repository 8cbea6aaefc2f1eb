"""A second reader of cron expressions, slow and plain: what crontab(5) says, and `L`, `LW` and `#`."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, timedelta

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def shows(expression: str, wall: datetime) -> bool:
    """Whether a clock that shows this shows a time of the expression. Nothing about zones is in it."""
    minute, hour, day, month, weekday = expression.upper().split()
    return (
        wall.minute in _numbers(minute, 0, 59)
        and wall.hour in _numbers(hour, 0, 23)
        and wall.month in _numbers(month, 1, 12, MONTHS)
        and _day(wall.date(), day, weekday)
    )


def _numbers(text: str, least: int, most: int, names: tuple[str, ...] = ()) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        begin, dash, end = span.partition("-")
        first = least if span == "*" else _number(begin, least, names)
        last = most if span == "*" or (step and not dash) else _number(end or begin, least, names)
        found |= set(range(first, last + 1, int(step or 1)))
    return found


def _number(text: str, least: int, names: tuple[str, ...]) -> int:
    return names.index(text) + least if text in names else int(text)


def _day(day: date, of_month: str, of_week: str) -> bool:
    parts = [
        any(_of_month(day, one) for one in of_month.split(",")),
        any(_of_week(day, one) for one in of_week.split(",")),
    ]
    return all(parts) if of_month.startswith("*") or of_week.startswith("*") else any(parts)


def _of_month(day: date, part: str) -> bool:
    last = date(day.year, day.month, monthrange(day.year, day.month)[1])
    if part == "L":
        return day == last
    if part == "LW":
        return day == last - timedelta(days=max(0, last.isoweekday() - 5))
    return day.day in _numbers(part, 1, 31)


def _of_week(day: date, part: str) -> bool:
    today = day.isoweekday() % 7
    if "#" in part:
        name, _, nth = part.partition("#")
        return _number(name, 0, DAYS) % 7 == today and (day.day - 1) // 7 + 1 == int(nth)
    if part.endswith("L"):
        return _number(part[:-1], 0, DAYS) % 7 == today and (day + timedelta(days=7)).month != day.month
    return today in {one % 7 for one in _numbers(part, 0, 7, DAYS)}
