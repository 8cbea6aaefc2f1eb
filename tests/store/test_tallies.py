"""The counters of jobs: exact after anything, whoever folds, and read without reading a job."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from alembic import command
from sqlalchemy import create_engine

from jobsapp.config import Settings
from jobsapp.core.ids import new_id
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.periods import Period
from jobsapp.core.states import Status
from jobsapp.runtime.duties import fold as duty
from jobsapp.store import schema, tallies
from jobsapp.store.connect import connect
from jobsapp.store.jobs import Pulse, cancel_job, expire_jobs, pulse_job
from jobsapp.store.turns import Ended, take_turn
from tests.store import recount
from tests.store.rows import insert_job, insert_many, insert_organization
from tests.store.workers import Hand

Connection = psycopg.Connection[Any]
BROKEN = Transition(Status.FAILED, "failed", failure=Failure("BadRow", "No."))


def tally_rows(connection: Connection) -> int:
    found = connection.execute("SELECT count(*) FROM job_tallies").fetchone()
    assert found is not None
    return int(found[0])


def test_many_at_once_are_few_tallies(connection: Connection, organization: UUID, hand: Hand) -> None:
    insert_many(connection, organization, 10_000)
    assert tally_rows(connection) == 1
    claimed = hand.claim(256)
    assert tally_rows(connection) == 3
    before = tally_rows(connection)
    hand.claim(256, claimed)
    # Pending, completed in one or two minutes and several places of the histogram; as many run as before.
    assert tally_rows(connection) - before <= 8
    hand.drain(256)
    assert recount.wrong(connection) == {}
    assert recount.ends(connection) == {("echo", "completed"): 10_000 - 256}


def test_a_sign_of_life_writes_no_tally(connection: Connection, organization: UUID, hand: Hand) -> None:
    insert_job(connection, organization)
    (job,) = hand.claim()
    before = tally_rows(connection)
    assert pulse_job(connection, job.id, job.attempt, Pulse(1, 2, "x", changed=True), lease_seconds=60)
    assert tally_rows(connection) == before


def test_expired_and_failed_jobs_are_counted(connection: Connection, organization: UUID, hand: Hand) -> None:
    insert_many(connection, organization, 5, expires_in=-1)
    assert len(expire_jobs(connection)) == 5
    insert_many(connection, organization, 3)
    failed = [Ended(job.id, job.attempt, BROKEN) for job in hand.claim(3)]
    take_turn(connection, failed)
    assert recount.wrong(connection) == {}
    since = datetime.now(UTC) - timedelta(hours=2)
    for _ in range(2):
        (one,) = tallies.failures(connection, organization, since=since, type_name=None, limit=5)
        assert (one.type, one.error_type, one.failures) == ("echo", "BadRow", 3)
        assert one.job_id in {job.job_id for job in failed}
        assert duty.tick(connection) > 0 or tally_rows(connection) == 0
    assert tallies.failures(connection, insert_organization(connection), since=since, type_name=None, limit=5) == []


def test_a_job_changes_its_owner(connection: Connection, organization: UUID) -> None:
    user = new_id()
    connection.execute("INSERT INTO users (id, home_id, email) VALUES (%s, %s, 'a@b')", [user, organization])
    insert_many(connection, organization, 4)
    connection.execute("UPDATE jobs SET user_id = %s", [user])
    assert sum(one.jobs for one in tallies.counts(connection, organization, user)) == 4
    tallies.fold(connection)
    connection.execute("DELETE FROM users WHERE id = %s", [user])
    assert tallies.counts(connection, organization, user) == []
    assert sum(one.jobs for one in tallies.counts(connection, organization)) == 4
    assert recount.wrong(connection) == {}


def test_keepers_that_fold_at_once_count_once(settings: Settings, connection: Connection, organization: UUID) -> None:
    for _ in range(60):
        insert_many(connection, organization, 2)

    def fold() -> int:
        with connect(settings.database_url, "keeper") as mine:
            folded = 0
            while batch := tallies.fold(mine, limit=5):
                folded += batch
            return folded

    with ThreadPoolExecutor(4) as pool:
        assert sum(one.result() for one in [pool.submit(fold) for _ in range(4)]) == 60
    assert tally_rows(connection) == 0
    assert recount.wrong(connection) == {}
    assert recount.kept(connection)[organization, recount.ALL, "echo", "pending", -1] == 120


def test_a_recount_finds_what_was_not_counted(connection: Connection, organization: UUID) -> None:
    insert_many(connection, organization, 2)
    with connection.transaction(force_rollback=True):
        connection.execute("ALTER TABLE jobs DISABLE TRIGGER tally_updated")
        connection.execute("UPDATE jobs SET status = 'failed', failed_at = now()")
        of = (organization, recount.ALL, "echo")
        assert recount.wrong(connection) == {(*of, "pending", -1): 2, (*of, "failed", -1): -2}
    assert recount.wrong(connection) == {}


def test_what_is_rolled_back_was_never_counted(connection: Connection, organization: UUID) -> None:
    with connection.transaction(force_rollback=True):
        insert_many(connection, organization, 7)
    assert tallies.counts(connection, organization) == []


def test_what_is_old_is_forgotten_and_what_came_to_nothing(connection: Connection, organization: UUID) -> None:
    job_id = insert_job(connection, organization)
    cancel_job(connection, job_id, user_id=None, reason=None)
    duty.tick(connection)
    kept = {
        "minute": tallies.MINUTES_KEPT_HOURS,
        "hour": tallies.HOURS_KEPT_DAYS * 24,
        "day": tallies.DAYS_KEPT_DAYS * 24,
    }
    for grain, hours in kept.items():
        for more, left in ((-2, 1), (4, 0)):
            connection.execute(
                "UPDATE job_history SET at = now() - make_interval(hours => %s) WHERE grain = %s", [hours + more, grain]
            )
            duty.tick(connection)
            assert len(recount.ends(connection, grain)) == left
    connection.execute("DELETE FROM jobs")
    duty.tick(connection)
    assert connection.execute("SELECT * FROM job_counts").fetchall() == []


def test_numbers_are_read_without_reading_a_job(connection: Connection, organization: UUID, hand: Hand) -> None:
    insert_many(connection, organization, 50)
    hand.claim(5, hand.claim(5))
    read = """SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables
      WHERE relname = 'jobs'"""
    since = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    with connection.transaction():
        before = connection.execute(read).fetchone()
        found = Counter[str]()
        for one in tallies.counts(connection, organization):
            found[one.status] += one.jobs
        assert found == {"pending": 40, "active": 5, "completed": 5}
        ends = tallies.history(connection, organization, period=Period(since, 3600, 2), grain="hour")
        of = Counter[str]()
        for end in ends:
            kind = "type and state" if end.status else "type" if end.type else "stretch"
            of[kind] += sum(end.jobs.values())
        assert of == {"type and state": 5, "type": 5, "stretch": 5}
        (waiting,) = tallies.waiting(connection, organization, None, bound=30)
        assert waiting.jobs == 30
        assert connection.execute(read).fetchone() == before


def test_the_migration_counts_what_is_there(settings: Settings) -> None:
    name = f"counted_{uuid4().hex[:8]}"
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    url = settings.sqlalchemy_url.replace("@/postgres", f"@/{name}")
    engine = create_engine(url)
    config = schema.alembic_config()
    with engine.connect() as migrating:
        config.attributes["connection"] = migrating
        command.upgrade(config, "0008")
    with connect(url.replace("+psycopg", ""), "test") as connection:
        organization = insert_organization(connection)
        insert_many(connection, organization, 20)
        hand = Hand(connection, "hand")
        failed = hand.claim(4)
        hand.claim(6, hand.claim(5))
        take_turn(connection, [Ended(job.id, job.attempt, BROKEN) for job in failed])
        with engine.connect() as migrating:
            config.attributes["connection"] = migrating
            command.upgrade(config, "head")
        assert tally_rows(connection) == 0
        assert recount.wrong(connection) == {}
        for grain in ("minute", "hour", "day"):
            assert recount.ends(connection, grain) == {("echo", "completed"): 5, ("echo", "failed"): 4}
        assert recount.failures(connection) == {("echo", "BadRow"): 4}
    engine.dispose()
