"""What a filter says of one job. That the database says the same is tested in tests/services/test_listing.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from jobsapp.core.filters import JobFilter
from jobsapp.core.ids import first_id_at, new_id


@dataclass
class Job:
    id: UUID = field(default_factory=new_id)
    type: str = "echo"
    queue: str = "echo"
    user_id: UUID | None = None
    name: str = "Invoices of March"
    description: str = "Überweisung"
    status: str = "pending"
    batch_id: UUID | None = None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("invoices", True),
        ("OF MARCH", True),
        ("überWEISUNG", True),
        ("ÜBER", True),
        ("uber", False),
        ("April", False),
        (".", False),
        ("s of", True),
        ("[a-z]", False),
        ("\\d", False),
    ],
)
def test_text_in_small_and_large_letters_and_no_pattern(text: str, found: bool) -> None:
    assert JobFilter(text=text).matches(Job()) is found


def test_a_state_may_come_the_rest_never_does() -> None:
    job = Job(status="active")
    failed = JobFilter(type="echo", status="failed")
    assert (failed.matches(job), failed.may_match(job)) == (False, True)
    other = JobFilter(type="steps", status="active")
    assert (other.matches(job), other.may_match(job)) == (False, False)


def test_times_are_places_in_the_list() -> None:
    before = datetime.now(UTC)
    job = Job()
    after = datetime.now(UTC) + timedelta(microseconds=1)
    assert first_id_at(before) <= job.id < first_id_at(after)
    assert JobFilter(created_after=before, created_before=after).matches(job)
    assert not JobFilter(created_before=before).matches(job)
    assert not JobFilter(created_after=after).matches(job)
    assert JobFilter(created_after=datetime(1, 1, 1, tzinfo=UTC)).matches(job)
    assert JobFilter(created_before=datetime(9999, 1, 1, tzinfo=UTC)).matches(job)
