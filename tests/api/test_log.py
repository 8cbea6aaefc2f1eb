"""The log of a job as programs read it: from its end, backwards, and while it grows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jobsapp.bus.hints import Hints
from jobsapp.config import Settings
from jobsapp.core.events import Event, JobChanged
from jobsapp.store.jobs import ClaimedJob, LogLine
from tests.api.conftest import Caller, Hand
from tests.api.test_jobs import COMPLETED
from tests.api.test_waiting import Asking, asking, only_news
from tests.live.conftest import DEADLINE, hints

__all__ = ["asking", "hints", "only_news"]


def lines(hand: Hand, job: ClaimedJob, *numbers: int) -> None:
    hand.log(job, *[LogLine(datetime.now(UTC), "info", f"line {number}") for number in numbers])


def numbers(page: dict[str, Any]) -> list[int]:
    return [int(line["message"].split()[1]) for line in page["lines"]]


def test_the_last_lines_and_those_before(as_member: Caller, hand: Hand) -> None:
    path = f"/api/jobs/{as_member.create()['id']}/log"
    job = hand.claim()
    lines(hand, job, *range(5))
    last = as_member("GET", f"{path}?tail=true&limit=2").get_json()
    assert numbers(last) == [3, 4]
    before = as_member("GET", f"{path}?limit=2&before={last['nextBefore']}").get_json()
    assert numbers(before) == [1, 2]
    first = as_member("GET", f"{path}?limit=2&before={before['nextBefore']}").get_json()
    assert (numbers(first), first["nextBefore"]) == ([0], None)
    assert as_member("GET", f"{path}?after={last['nextAfter']}").get_json()["lines"] == []
    lines(hand, job, 5)
    assert numbers(as_member("GET", f"{path}?after={last['nextAfter']}").get_json()) == [5]


def test_it_is_told_when_nothing_follows(as_member: Caller, hand: Hand) -> None:
    path = f"/api/jobs/{as_member.create()['id']}/log"
    job = hand.claim()
    lines(hand, job, 0, 1)
    assert as_member("GET", path).get_json()["ended"] is False
    hand.finish(job, COMPLETED)
    told = [as_member("GET", f"{path}{query}").get_json()["ended"] for query in ("", "?limit=1", "?tail=1&limit=1")]
    assert told == [True, False, True]


@pytest.mark.usefixtures("only_news")
def test_it_is_followed_line_by_line_to_the_end(
    asking: Asking, as_member: Caller, hand: Hand, hints: Hints, settings: Settings
) -> None:
    created = as_member.create()
    path = f"/api/jobs/{created['id']}/log"
    job = hand.claim()

    def tell(event: Event) -> None:
        hints.publish([JobChanged(job.id, job.organization_id, event, 9)])

    answer = asking(as_member, path)
    lines(hand, job, 0)
    tell(Event.UPDATE)
    first = answer.result(DEADLINE).get_json()
    assert (numbers(first), first["ended"]) == ([0], False)
    answer = asking(as_member, f"{path}?after={first['nextAfter']}")
    hand.finish(job, COMPLETED)
    tell(Event.COMPLETED)
    last = answer.result(DEADLINE)
    assert (last.get_json()["lines"], last.get_json()["ended"]) == ([], True)
    assert last.headers["Preference-Applied"] == "wait=60"
