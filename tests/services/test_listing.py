"""Lists agree with the filter as a value, and cost the same whatever the tables hold."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from contextlib import contextmanager
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
from jobsapp.core.ids import first_id_at, new_id
from jobsapp.core.states import Status
from jobsapp.errors import InvalidInput
from jobsapp.extensions import db
from jobsapp.models import Job
from jobsapp.services import Services, listing, texts
from jobsapp.services.jobs import NewJob
from jobsapp.store import texts as store
from jobsapp.store import turns
from jobsapp.store.tallies import fold
from tests.examples import examples

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


def pages(services: Services, actor: Actor, wanted: JobFilter, limit: int = 3) -> list[list[Job]]:
    """All pages of a list, one after the other."""
    found, before = [], None
    while True:
        jobs, before = services.jobs.page(actor, wanted, before=before, limit=limit)
        found.append(jobs)
        if before is None:
            return found


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


def test_who_is_nobody_here_has_no_jobs_here(
    services: Services, admin: Actor, member: Actor, stranger: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of somebody's jobs elsewhere would tell that there are some, and when they were made."""
    monkeypatch.setattr(listing, "WINDOW", 1)
    for _ in range(3):
        services.jobs.create(member, NewJob("echo", {}))
    asked = services.filters.user_id
    assert asked(admin, str(member.user_id)) == member.user_id
    assert asked(admin, str(admin.user_id)) == admin.user_id
    for unknown in (str(member.user_id), str(new_id())):
        wanted = JobFilter(user_id=asked(stranger, unknown))
        assert services.jobs.page(stranger, wanted) == ([], None)
    # Who has left and has jobs here is found all the same.
    guest = services.identity.create_user("guest@third", organization="third")
    (job, *_), _ = services.jobs.page(admin, JobFilter(user_id=member.user_id))
    assert asked(admin, str(guest.id)) != guest.id
    job.user_id = guest.id
    db.session.commit()
    assert asked(admin, str(guest.id)) == guest.id


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


@pytest.fixture
def years(services: Services, admin: Actor, stranger: Actor, connection: psycopg.Connection[Any]) -> list[UUID]:
    """Jobs of four years with a gap of one, one in two days, some with a text that says how often. Newest first."""
    connection.execute(
        """INSERT INTO jobs (id, organization_id, type, queue, name, data, max_attempts, allowance, status, failed_at)
        SELECT (lpad(to_hex((1600000000 + n * 2 * 86400::bigint) * 1000), 12, '0') || '70008' || lpad(n::text, 15, '0')
          )::uuid, CASE n % 2 WHEN 0 THEN %(ours)s::uuid ELSE %(theirs)s END, 'echo', 'echo',
          CASE WHEN n % 100 = 0 THEN 'A Needle' WHEN n % 2 = 0 THEN 'Hay and straw' ELSE 'Their needle' END,
          '{}', 3, 3, CASE WHEN n % 6 = 0 THEN 'failed' ELSE 'pending' END, CASE WHEN n % 6 = 0 THEN now() END
        FROM generate_series(1, 912) AS n WHERE n NOT BETWEEN 300 AND 480""".replace(" % ", " %% "),
        {"ours": admin.organization_id, "theirs": stranger.organization_id},
    )
    query = "SELECT id FROM jobs WHERE organization_id = %s AND name = 'A Needle' ORDER BY id DESC"
    return [row[0] for row in connection.execute(query, [admin.organization_id])]


@pytest.mark.usefixtures("early")
def test_a_text_is_found_however_old_the_job(services: Services, admin: Actor, years: list[UUID]) -> None:
    assert len(years) == 7
    found, more = services.jobs.page(admin, JobFilter(text="needle"), limit=200)
    # In one page, up to where the index was asked last; what is older is on the next.
    assert [job.id for job in found] == years[: len(found)]
    assert len(found) >= 4
    assert more is not None
    last, after = services.jobs.page(admin, JobFilter(text="needle"), before=more, limit=200)
    assert [job.id for job in found + last] == years
    assert after is None
    assert [[one.id for one in page] for page in pages(services, admin, JobFilter(text="NEEDLE"), limit=4)] == [
        years[:4],
        years[4:],
    ]
    since = datetime.fromtimestamp(1_600_000_000 + 550 * 2 * 86400, UTC)
    recent, more = services.jobs.page(admin, JobFilter(text="needle", created_after=since))
    assert [job.id for job in recent] == [one for one in years if one >= first_id_at(since)]
    assert more is None


def test_the_index_tells_where_a_text_begins(
    services: Services, admin: Actor, years: list[UUID], connection: psycopg.Connection[Any]
) -> None:
    newest = store.stretch_of(years[0])

    def first(like: str, stretches: range) -> int | None:
        return store.first_stretch(connection, admin.organization_id, like, stretches, 60)

    assert first("%needle%", range(newest + 40, newest - 40, -1)) == newest
    assert first("%needle%", range(newest - 1, newest - 60, -1)) == store.stretch_of(years[1])
    assert first("%needle%", range(newest + 40, newest, -1)) is None
    assert first("%xylophone%", range(newest + 40, 0, -1)[:100]) is None
    # Out of time.
    assert store.first_stretch(connection, admin.organization_id, "%needle%", [newest], 0) is None


def test_what_is_crowded_is_walked(
    services: Services, admin: Actor, years: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index has no time for what it finds, and yet no page is lost, nor a job."""
    monkeypatch.setattr(listing, "FIRST_WINDOW", 40)
    monkeypatch.setattr(texts, "SECONDS", 0)
    found = pages(services, admin, JobFilter(text="needle"), limit=2)
    assert [job.id for page in found for job in page] == years
    # Where the first walk finds nothing there is a second.
    assert len(found) <= 8


@contextmanager
def without_index(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """As where PostgreSQL lacks the extensions."""
    valid = "UPDATE pg_index SET indisvalid = %s WHERE indexrelid = 'jobs_by_text'::regclass"
    connection.execute(valid, [False])
    yield
    connection.execute(valid, [True])


def test_without_the_index_a_text_is_looked_for_along_the_jobs(
    services: Services,
    admin: Actor,
    years: list[UUID],
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "WINDOW", 50)
    monkeypatch.setattr(listing, "FIRST_WINDOW", 5)
    monkeypatch.setattr(texts, "SECONDS", 60)
    found, more = services.jobs.page(admin, JobFilter(text="needle"), limit=3)
    assert [job.id for job in found] == years[:3]
    with without_index(connection):
        found, more = services.jobs.page(admin, JobFilter(text="needle"), limit=3)
        assert [job.id for job in found] == years[:1]
        assert more is not None
        everything = pages(services, admin, JobFilter(text="needle"))
    assert [job.id for page in everything for job in page] == years


def test_what_failed_is_found_however_old(
    services: Services,
    admin: Actor,
    member: Actor,
    years: list[UUID],
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "WINDOW", 5)
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


FILL = """
INSERT INTO jobs (id, organization_id, user_id, type, queue, name, status, data, max_attempts, allowance, completed_at)
SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '70008' || substr(md5(n::text), 1, 15))::uuid,
  CASE WHEN n <= 10000 THEN %(ours)s::uuid ELSE %(theirs)s END,
  CASE WHEN n <= 20 THEN %(user)s::uuid END, CASE WHEN n <= 20 THEN 'rare' ELSE 'echo' END, 'echo',
  CASE WHEN n <= 20 THEN 'Needle' ELSE 'Hay' END, 'completed', json_build_object('text', repeat('x', 400)), 3, 3, now()
FROM generate_series(1, 20000) AS n
"""


def touched(statement: Any) -> int:
    """Pages of the database that the statement reads, from memory or not."""
    compiled = statement.compile(db.engine, compile_kwargs={"render_postcompile": True})
    connection: Any = db.session.connection().connection.driver_connection
    (plan,) = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {compiled}", compiled.params).fetchone()
    return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])


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
        JobFilter(status="pending"), JobFilter(status="active"), JobFilter(type="echo", user_id=admin.user_id),
        JobFilter(created_before=datetime.fromtimestamp(1_700_000_000.005, UTC)),
    ):  # fmt: skip
        walk = listing.Walk(admin.organization_id, wanted, window=window)
        with listing.in_order(db.session):
            assert touched(walk.jobs(51)) < most, wanted
            assert not walk.narrows or touched(walk.end()) < most, wanted
    found, _ = services.jobs.page(admin, JobFilter(type="rare"))
    assert len(found) == 20


def test_what_cannot_be_stored_is_found_nowhere(services: Services, admin: Actor) -> None:
    services.jobs.create(admin, NewJob("echo", {}, name=string.printable.replace("\x00", "")))
    assert services.jobs.page(admin, JobFilter(text="\0")) == ([], None)
    assert services.many.count(admin, JobFilter(text="\ud800")) == (0, False)


def test_jobs_of_who_came_from_elsewhere_and_left_are_found_by_their_address(
    services: Services, admin: Actor, stranger: Actor, connection: psycopg.Connection[Any]
) -> None:
    services.memberships.add(admin.organization_id, stranger.user_id, "member")
    guest = services.identity.get_actor(stranger.user_id, admin.organization_id)
    services.jobs.create(guest, NewJob("echo", {}))
    services.memberships.remove(admin.organization_id, stranger.user_id)
    fold(connection)
    services.bounds.bind(admin)
    assert services.filters.user_id(admin, stranger.email.upper()) == stranger.user_id
    assert services.filters.read(admin, {"user": stranger.email}).faults == []


def test_whoever_never_had_a_job_here_is_not_found(services: Services, admin: Actor, stranger: Actor) -> None:
    services.jobs.create(stranger, NewJob("echo", {}))
    with pytest.raises(InvalidInput, match="there is nobody"):
        services.filters.user_id(admin, stranger.email)
