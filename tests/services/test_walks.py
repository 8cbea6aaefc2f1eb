"""What lists cost: the same whatever the tables hold, and whatever the planner thinks of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import select

from jobsapp.core.actors import Actor
from jobsapp.core.filters import JobFilter
from jobsapp.core.ids import new_id
from jobsapp.extensions import db
from jobsapp.models import Job
from jobsapp.services import Services, listing
from jobsapp.services.walks import Walk, in_order
from tests.services.lists import FILL, jobs_of_years, touched


@pytest.mark.parametrize("counted", [False, True], ids=["fresh", "analyzed"])
def test_little_that_matches_costs_no_more_than_a_window(
    services: Services, admin: Actor, stranger: Actor, connection: psycopg.Connection[Any], counted: bool
) -> None:
    """Half of the rows are ours and old: whoever thinks that every second row matches reads the others' 10,000."""
    ids = {"ours": admin.organization_id, "theirs": stranger.organization_id, "user": admin.user_id}
    connection.execute(FILL, ids)
    if counted:
        connection.execute("VACUUM ANALYZE jobs")
    window = 2000
    # Five or more rows to a page of the table, and the index, and the way down to it.
    most = window // 3
    assert most < 10_000 // 7 < touched(select(Job).where(Job.name == "all of them"))
    for wanted in (
        JobFilter(), JobFilter(type="rare"), JobFilter(type="unknown"), JobFilter(user_id=admin.user_id),
        JobFilter(user_id=new_id()), JobFilter(queue="none"), JobFilter(text="needle"), JobFilter(status="failed"),
        JobFilter(queue="slow"), JobFilter(queue="echo"),
        JobFilter(status="pending"), JobFilter(status="active"), JobFilter(type="echo", user_id=admin.user_id),
        JobFilter(created_before=datetime.fromtimestamp(1_700_000_000.005, UTC)),
    ):  # fmt: skip
        walk = Walk(admin.organization_id, wanted, window=window)
        with in_order(db.session):
            assert touched(walk.jobs(51)) < most, wanted
            assert not walk.narrows or touched(walk.end()) < most, wanted
    for few in (JobFilter(type="rare"), JobFilter(queue="slow")):
        found, more = services.jobs.page(admin, few)
        assert (len(found), more) == (20, None)


def test_what_failed_is_found_however_old(
    services: Services,
    admin: Actor,
    member: Actor,
    stranger: Actor,
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "WINDOW", 5)
    jobs_of_years(connection, admin, stranger)
    oldest = connection.execute("SELECT min(id::text)::uuid FROM jobs WHERE status = 'failed'").fetchone()
    assert oldest is not None
    keep = "DELETE FROM jobs WHERE status = 'failed' AND id <> %s"
    connection.execute(keep, [oldest[0]])

    def listed(status: str) -> list[UUID]:
        jobs, more = services.jobs.page(admin, JobFilter(status=status, type="echo", queue="echo"))
        assert more is None
        return [job.id for job in jobs]

    assert listed("failed") == [oldest[0]]
    assert listed("cancelled") == []
    connection.execute("UPDATE jobs SET user_id = %s WHERE id = %s", [member.user_id, oldest[0]])
    assert services.jobs.page(admin, JobFilter(status="failed", user_id=member.user_id))[0][0].id == oldest[0]
    connection.execute(
        "UPDATE jobs SET status = 'cancelled', failed_at = NULL, cancelled_at = now() WHERE id = %s", oldest
    )
    assert listed("failed") == []
    assert listed("cancelled") == [oldest[0]]
    services.jobs.retry(admin, oldest[0])
    assert listed("cancelled") == []
