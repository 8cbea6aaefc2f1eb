"""Lists agree with the filter as a value, and cost the same whatever the tables hold."""

from __future__ import annotations

import random
import string
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from jobsapp.core.actors import Actor
from jobsapp.core.filters import JobFilter
from jobsapp.core.ids import first_id_at
from jobsapp.core.states import Status
from jobsapp.extensions import db
from jobsapp.models import Job
from jobsapp.services import Services, listing, texts
from jobsapp.services.jobs import NewJob
from jobsapp.store import turns
from tests.examples import examples
from tests.services.lists import pages

MOMENT = datetime(2026, 11, 1, tzinfo=UTC)
# Letters whose cases are not one to one, what regular expressions and LIKE mean something by, lines, other scripts.
ALPHABET = "aAbBzZ019 _%.*+?^$|()[]{}\\-/&\n\täÄßẞſKKİıςσΣдДǅé中🙂"
WORDS = st.text(st.sampled_from(ALPHABET), max_size=4)
TEXTS = [
    "", "Straße", "STRASSE", "a.b*c", "100%", "x_y", "[a-z]", "Дата", "дата", "ΣΊΣΥΦΟΣ", "σίσυφος", "line\nbreak",
    "İstanbul", "ıstanbul", "ſet", "Kelvin K", "back\\slash", "^$", "(?i)a", "***=a", "🙂 é", "a-b]c",
]  # fmt: skip


@pytest.fixture
def many(services: Services, admin: Actor, member: Actor) -> list[Job]:
    """Jobs of all states and kinds, two at each second."""
    picked = random.Random(1)
    rows = []
    for number in range(120):
        status = picked.choice(list(Status))
        made = first_id_at(MOMENT + timedelta(seconds=number // 2))
        marks = {f"{status}_at": MOMENT} if status in ("completed", "failed", "cancelled") else {}
        rows.append(
            Job(
                id=UUID(int=made.int + picked.randrange(1 << 32)),
                organization_id=admin.organization_id,
                user_id=picked.choice([admin.user_id, member.user_id, None]),
                type=picked.choice(["echo", "steps"]),
                queue=picked.choice(["echo", "slow"]),
                name=picked.choice(TEXTS) + "".join(picked.choices(ALPHABET, k=3)),
                description=picked.choice(TEXTS),
                status=status,
                data={},
                max_attempts=3,
                allowance=3,
                worker="w" if status == "active" else None,
                cancel_requested_at=MOMENT if status == "active" and number % 3 else None,
                **marks,
            )
        )
    db.session.add_all(rows)
    db.session.flush()
    connection: psycopg.Connection[Any] = db.session.connection().connection.driver_connection  # type: ignore[assignment]
    connection.execute(
        """INSERT INTO job_queue (job_id, queue, urgency, organization_id, type, run_at, due)
           SELECT id, queue, 0, organization_id, type, now(), true FROM jobs WHERE status = 'pending'"""
    )
    connection.execute(
        """INSERT INTO worker_leases (worker, lease_until, job_ids)
           SELECT 'w', now() + interval '1 hour', array_agg(id) FROM jobs WHERE status = 'active'"""
    )
    db.session.commit()
    return list(db.session.scalars(select(Job).order_by(Job.id.desc())))


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index of texts is asked after a handful of jobs, and has all the time it needs."""
    monkeypatch.setattr(listing, "FIRST_WINDOW", 5)
    monkeypatch.setattr(texts, "SECONDS", 60)


@given(data=st.data())
@settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("early")
def test_rows_and_values_agree(services: Services, admin: Actor, many: list[Job], data: st.DataObject) -> None:
    def maybe(strategy: st.SearchStrategy[Any]) -> Any:
        return data.draw(st.none() | strategy)

    second = st.integers(-1, 61).map(lambda number: MOMENT + timedelta(seconds=number))
    wanted = JobFilter(
        type=maybe(st.sampled_from(["echo", "steps", "none"])),
        status=maybe(st.sampled_from(list(Status))),
        queue=maybe(st.sampled_from(["echo", "slow"])),
        user_id=maybe(st.sampled_from([job.user_id for job in many if job.user_id])),
        text=maybe(st.sampled_from(TEXTS) | WORDS),
        created_after=maybe(second),
        created_before=maybe(second),
    )
    found, more = services.jobs.page(admin, wanted, limit=200)
    assert [job.id for job in found] == [job.id for job in many if wanted.matches(job)]
    assert more is None
    statuses, limit = data.draw(st.sets(st.sampled_from(list(Status)))), data.draw(st.sampled_from([1, 7, 200]))
    lists = listing.Listing(services.jobs._session)
    same, more = lists.matching(admin.organization_id, wanted, statuses=statuses, limit=limit)
    as_numbers = Counter("stopping" if one.stopping else one.status for one in same)
    assert lists.counted(admin.organization_id, wanted, statuses=statuses, limit=limit) == (as_numbers, more)


def test_a_page_ends_where_the_search_ends(
    services: Services, admin: Actor, many: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "WINDOW", 25)
    monkeypatch.setattr(listing, "FIRST_WINDOW", 5)
    # The index finds nothing in no time at all, and the list goes on from where it was.
    monkeypatch.setattr(texts, "SECONDS", 0)
    for wanted in (
        JobFilter(status="failed", type="steps"), JobFilter(text="straße"), JobFilter(status="pending", queue="slow"),
        JobFilter(user_id=admin.user_id, status="completed"), JobFilter(status="active"), JobFilter(queue="slow"),
    ):  # fmt: skip
        found = pages(services, admin, wanted)
        assert max(len(page) for page in found) <= 3
        assert [job.id for page in found for job in page] == [job.id for job in many if wanted.matches(job)]
        assert len(found) < 60


CROWD = """
WITH made AS (
  INSERT INTO jobs (id, organization_id, user_id, type, queue, name, data, max_attempts, allowance, status, worker)
  SELECT (lpad(to_hex(1700000000000 + n / 7), 12, '0') || '7' || lpad(to_hex(n), 3, '0') || '8000' ||
    substr(md5(n::text), 1, 12))::uuid, CASE WHEN n % 3 = 0 THEN %(ours)s::uuid ELSE %(theirs)s END, %(user)s, 'echo',
    'echo', CASE WHEN n % 2 = 0 THEN 'even' ELSE 'odd' END, '{}', 3, 3, %(status)s, %(worker)s
  FROM generate_series(1, 60) AS n RETURNING id, organization_id, status
), queued AS (
  INSERT INTO job_queue (job_id, queue, urgency, organization_id, type, run_at, due)
  SELECT id, 'echo', 0, organization_id, 'echo', now(), true FROM made WHERE status = 'pending'
)
INSERT INTO worker_leases (worker, lease_until, job_ids)
SELECT 'w', now() + interval '1 hour', array_agg(id) FROM made WHERE status = 'active' HAVING count(*) > 0
""".replace(" % ", " %% ")


@pytest.mark.parametrize(
    "wanted",
    [
        JobFilter(status="pending"),
        JobFilter(status="active"),
        JobFilter(status="pending", text="even"),
        JobFilter(user_id=UUID(int=1)),
        JobFilter(user_id=UUID(int=1), text="odd"),
    ],
)
def test_where_a_page_ends_tells_no_id_of_others(
    services: Services,
    admin: Actor,
    stranger: Actor,
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    wanted: JobFilter,
) -> None:
    """Several jobs of each millisecond, most of them somebody else's: none of ours is passed over or comes twice."""
    status = wanted.status or "active"
    wanted = wanted.narrowed(user_id=admin.user_id) if wanted.user_id else wanted
    whose = {"ours": admin.organization_id, "theirs": stranger.organization_id, "user": admin.user_id}
    connection.execute(CROWD, whose | {"status": status, "worker": "w" if status == "active" else None})
    rows = connection.execute("SELECT id, organization_id, name FROM jobs ORDER BY id DESC").fetchall()
    theirs = {row[0] for row in rows if row[1] == stranger.organization_id}
    ours = [row[0] for row in rows if row[1] == admin.organization_id and (wanted.text or "") in row[2]]
    ends = set()
    for window, limit in product((1, 2, 5, 8), (1, 3, 50)):
        monkeypatch.setattr(listing, "WINDOW", window)
        monkeypatch.setattr(listing, "FIRST_WINDOW", window)
        found, before = [], None
        while True:
            jobs, before = services.jobs.page(admin, wanted, before=before, limit=limit)
            found += [job.id for job in jobs]
            if before is None:
                break
            ends.add(before)
        assert found == ours
    assert len(ends) > 3
    assert not ends & theirs


def test_pending_and_active_come_and_go(
    services: Services, admin: Actor, stranger: Actor, connection: psycopg.Connection[Any]
) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {}))
    services.jobs.create(stranger, NewJob("echo", {}))

    def states() -> list[str]:
        return [one for one in ("pending", "active") if services.jobs.page(admin, JobFilter(status=one))[0]]

    assert states() == ["pending"]
    turns.claim_jobs(connection, "echo", worker="w", lease_seconds=60)
    turns.claim_jobs(connection, "echo", worker="w", lease_seconds=60)
    assert states() == ["active"]
    assert [one.id for one in services.jobs.page(admin, JobFilter(status="active"))[0]] == [job.id]


def test_what_cannot_be_stored_is_found_nowhere(services: Services, admin: Actor) -> None:
    services.jobs.create(admin, NewJob("echo", {}, name=string.printable.replace("\x00", "")))
    assert services.jobs.page(admin, JobFilter(text="\0")) == ([], None)
    assert services.many.count(admin, JobFilter(text="\ud800")) == (0, False)
