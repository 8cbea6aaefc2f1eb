"""Cron expressions against two others who read them: `crontab.py`, by the minute on the clock of a zone; croniter."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsapp.core import cron
from tests.core.crontab import shows
from tests.examples import examples

ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo")
CHANGES = {
    "America/New_York": [(2026, 3, 8), (2026, 11, 1)],
    "Europe/Berlin": [(2026, 3, 29), (2026, 10, 25)],
    "Australia/Lord_Howe": [(2026, 4, 4), (2026, 10, 3)],
    # At midnight, so that a day begins at one, or its first hour comes twice.
    "Asia/Beirut": [(2026, 3, 29), (2026, 10, 24)],
    "Africa/Cairo": [(2026, 4, 24), (2026, 10, 29)],
    "America/Havana": [(2026, 3, 8), (2026, 11, 1)],
    # By two hours, and a day that was left out.
    "Antarctica/Troll": [(2026, 3, 29), (2026, 10, 25)],
    "Pacific/Apia": [(2011, 12, 30)],
}
MINUTES = st.sampled_from(["*", "*/5", "*/20", "0", "30", "7,22", "15-45/10", "59", "5/15"])
HOURS = st.sampled_from(["*", "*/2", "*/6", "0", "1", "2", "2,3", "1-3", "22-23"])
DAYS = st.sampled_from(["*", "*/2", "1", "15,28", "L", "29", "1,L", "LW"])
MONTHS = st.sampled_from(["*", "*", "*", "3,10", "JAN-MAR", "*/2"])
WEEKDAYS = st.sampled_from(["*", "*", "MON-FRI", "SUN", "0,3", "7", "MON#1", "5L", "fri#2", "1-5/2"])
EXPRESSIONS = st.tuples(MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS).map(" ".join)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)).map(lambda one: one.replace(tzinfo=UTC))  # noqa: DTZ001


def around_a_change() -> st.SearchStrategy[tuple[str, datetime]]:
    """A zone, and a moment within two days before one of its clock changes is over."""
    return st.sampled_from([(zone, day) for zone, days in CHANGES.items() for day in days]).flatmap(
        lambda one: st.integers(-1440, 1440).map(
            lambda minutes: (one[0], datetime(*one[1], tzinfo=UTC) + timedelta(minutes=minutes))
        )
    )


def by_the_minute(expression: str, zone: str, after: datetime, until: datetime) -> list[datetime]:
    """What is due, by looking at the clock every minute."""
    place, found = ZoneInfo(zone), list[datetime]()
    fixed = not any(part.startswith("*") for part in expression.split()[:2])
    shown: set[datetime] = set()
    moment = (after - timedelta(days=1)).replace(second=0, microsecond=0)
    while moment <= until:
        wall = moment.astimezone(place).replace(tzinfo=None, fold=0)
        before = (moment - timedelta(minutes=1)).astimezone(place).replace(tzinfo=None, fold=0)
        jumped = [before + timedelta(minutes=step) for step in range(1, int((wall - before).total_seconds() // 60) + 1)]
        walls = jumped if fixed and wall > before else [wall]
        if fixed:
            # What the clock shows for the second time is over.
            walls = [one for one in walls if one not in shown]
            shown |= set(walls)
        if any(shows(expression, one) for one in walls):
            found.append(moment)
        moment += timedelta(minutes=1)
    return [one for one in found if after < one <= until]


@settings(max_examples=examples(100), deadline=None)
@given(EXPRESSIONS, around_a_change())
def test_as_somebody_who_looks_at_the_clock_every_minute(expression: str, where: tuple[str, datetime]) -> None:
    zone, after = where
    until = after + timedelta(hours=30)
    found = []
    for one in cron.times(expression, zone, after):
        if one > until:
            break
        found.append(one)
    assert found == by_the_minute(expression, zone, after, until)


@given(EXPRESSIONS, MOMENTS)
def test_as_croniter_where_no_clock_changes(expression: str, after: datetime) -> None:
    # `L` and `#` beside a day of the month both read otherwise: croniter means both, cron means either.
    day, _, weekday = expression.split()[2:]
    if (day != "*" and weekday != "*") or day in ("LW", "1,L"):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = croniter(expression.replace("5L", "L5"), after)
        wanted = [theirs.get_next(datetime) for _ in range(5)]
    assert list(islice(cron.times(expression, "UTC", after), 5)) == wanted


@given(EXPRESSIONS, st.sampled_from(ZONES), MOMENTS)
def test_times_rise_and_are_whole_minutes_of_the_clock(expression: str, zone: str, after: datetime) -> None:
    found = list(islice(cron.times(expression, zone, after), 4))
    assert found[0] > after
    assert found == sorted(set(found))
    assert all(one.tzinfo is UTC and one.second == one.microsecond == 0 for one in found)
    again = cron.next_time(expression, zone, found[0] - timedelta(microseconds=1))
    assert again == found[0], "the same run, whoever asks and when"


@pytest.mark.parametrize(
    ("expression", "zone", "after", "there"),
    [
        ("30 2 * * *", "America/New_York", "2026-03-08T00:00-05:00", "2026-03-08T03:00:00-04:00"),
        ("30 1 * * *", "America/New_York", "2026-11-01T01:20-05:00", "2026-11-02T01:30:00-05:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:00+02:00", "2026-10-25T02:30:00+02:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T02:30+02:00", "2026-10-26T02:30:00+01:00"),
        ("*/10 5 * * *", "Australia/Lord_Howe", "2026-10-04T00:00+10:30", "2026-10-04T05:00:00+11:00"),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04T00:00+10:30", "2026-10-04T02:30:00+11:00"),
        ("0 0 L * *", "UTC", "2028-02-01T00:00+00:00", "2028-02-29T00:00:00+00:00"),
        ("0 8 * * MON#1", "UTC", "2026-11-02T09:00+00:00", "2026-12-07T08:00:00+00:00"),
        ("0 0 29 2 *", "UTC", "2026-01-01T00:00+00:00", "2028-02-29T00:00:00+00:00"),
        ("@weekly", "UTC", "2026-11-26T00:00+00:00", "2026-11-29T00:00:00+00:00"),
    ],
)
def test_some_that_are_known(expression: str, zone: str, after: str, there: str) -> None:
    found = cron.next_time(expression, zone, datetime.fromisoformat(after))
    assert found is not None
    assert found.astimezone(ZoneInfo(zone)).isoformat() == there


@pytest.mark.parametrize(
    ("expression", "zone", "sentence"),
    [
        ("* * * *", "UTC", "write five fields"),
        ("0 * * * * *", "UTC", "write five fields"),
        ("60 * * * *", "UTC", "the minute cannot be read"),
        ("* * 30 2 *", "UTC", "the day of month cannot be read"),
        ("* * * * FUN", "UTC", "the day of week cannot be read"),
        ("* * * * *", "Europe/Bärlin", "there is no time zone"),
        ("* * * * *", "/etc/passwd", "there is no time zone"),
        ("* * * * *", "", "there is no time zone"),
    ],
)
def test_what_cannot_be_is_a_sentence(expression: str, zone: str, sentence: str) -> None:
    with pytest.raises(cron.CronError, match=sentence):
        cron.check(expression, zone)


@settings(max_examples=examples(100), deadline=None)
@given(st.text(max_size=40), st.text(max_size=20))
def test_nothing_else_is_raised(expression: str, zone: str) -> None:
    try:
        cron.check(expression, zone)
    except cron.CronError:
        return
    assert cron.in_words(expression)
