"""Migrations of a database with rows in it, that others work with meanwhile."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event

from jobsapp.config import Settings
from jobsapp.errors import Unavailable
from jobsapp.store import schema
from jobsapp.store.migrating import Patience, create_index, drop_index, set_timeouts
from tests.conftest import Servers
from tests.store import recount
from tests.store.filling import JOBS, empty_tables, fill, insert_jobs, tables
from tests.store.unsafe import Judge

FIRST_JUDGED = "0013"
"""Those before ran when nobody had many jobs."""
REVISIONS = [one.revision for one in ScriptDirectory.from_config(schema.alembic_config()).walk_revisions()][::-1]
Raw = psycopg.Connection[Any]


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """The address of an empty one."""
    name = f"migrated_{uuid4().hex[:8]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    yield server_url.replace("@/postgres", f"@/{name}")


def alchemy(url: str) -> str:
    return Settings(database_url=url).sqlalchemy_url


@contextmanager
def migrating(url: str) -> Iterator[tuple[Connection, Any]]:
    """A connection and Alembic's settings for it."""
    engine = create_engine(alchemy(url))
    config = schema.alembic_config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        yield connection, config
    engine.dispose()


@pytest.fixture(scope="module")
def migrated(servers: Servers) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """A database that went through all migrations with rows in all tables before each; and what each of them ran."""
    ran: dict[str, list[str]] = {}
    with database(servers.database_url) as url, migrating(url) as (connection, config):
        said: list[str] = []
        event.listen(connection, "before_cursor_execute", lambda _c, _u, statement, *_: said.append(statement))
        with psycopg.connect(url, autocommit=True) as raw:
            for revision in REVISIONS:
                said.clear()
                command.upgrade(config, revision)
                ran[revision] = list(said)
                if revision == REVISIONS[0]:
                    fill_first(raw)
                fill(raw)
        yield url, ran


def fill_first(raw: Raw) -> None:
    """Whose jobs the others are, before there is one for the tables beside them."""
    raw.execute("INSERT INTO organizations (id, name) VALUES (%s, 'x')", [uuid4()])
    insert_jobs(raw)


def test_a_database_with_rows_is_brought_up_to_date(migrated: tuple[str, dict[str, list[str]]]) -> None:
    url, _ = migrated
    with psycopg.connect(url, autocommit=True) as raw:
        assert len(tables(raw)) > 20
        assert empty_tables(raw) == []
        jobs = raw.execute("SELECT name, status, priority, data::text FROM jobs ORDER BY name").fetchall()
        assert jobs == [(status, status, 7, "{}") for status in sorted(JOBS)]
        assert [row[0] for row in raw.execute("SELECT queue FROM job_queue")] == ["x"]
        (owner,) = raw.execute("SELECT organization_id FROM jobs LIMIT 1").fetchone() or (None,)
        assert {key: count for key, count in recount.wrong(raw).items() if key[0] == owner} == {}


def test_one_step_back_and_forth_loses_no_job(migrated: tuple[str, dict[str, list[str]]]) -> None:
    url, _ = migrated
    with migrating(url) as (_, config), psycopg.connect(url, autocommit=True) as raw:
        command.downgrade(config, "-1")
        assert raw.execute("SELECT count(*) FROM jobs").fetchone() == (len(JOBS),)
        fill(raw)
        command.upgrade(config, "head")
        fill(raw)
        assert raw.execute("SELECT count(*) FROM jobs").fetchone() == (len(JOBS),)


def test_no_migration_holds_up_a_large_table(migrated: tuple[str, dict[str, list[str]]]) -> None:
    """If yours is named here: mend it, or, if the table stays small, name that in tests/store/unsafe.py."""
    judge = Judge()
    faults = {revision: judge.faults(statements) for revision, statements in migrated[1].items()}
    assert {revision: found for revision, found in faults.items() if found and revision >= FIRST_JUDGED} == {}
    # Not blind: the first ones did what is refused now.
    assert len(faults["0005"]) >= 3
    assert faults["0012"] == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX jobs_by_x ON jobs (name)",
        'CREATE UNIQUE INDEX "jobs_by_x" ON "jobs" (name)',
        "ALTER TABLE jobs ADD COLUMN x uuid DEFAULT gen_random_uuid() NOT NULL",
        "ALTER TABLE jobs ADD COLUMN x timestamptz DEFAULT clock_timestamp()",
        "ALTER TABLE jobs ADD COLUMN x integer NOT NULL",
        "ALTER TABLE jobs ADD COLUMN x tsvector GENERATED ALWAYS AS (to_tsvector('english', name)) STORED",
        "ALTER TABLE jobs ADD COLUMN x BIGSERIAL",
        "ALTER TABLE jobs ADD COLUMN x uuid REFERENCES users (id)",
        "ALTER TABLE jobs ADD COLUMN x integer, ADD COLUMN y integer NOT NULL",
        "ALTER TABLE jobs ALTER COLUMN priority TYPE bigint",
        "ALTER TABLE jobs ALTER COLUMN priority SET DATA TYPE bigint",
        "ALTER TABLE jobs ALTER COLUMN user_id SET NOT NULL",
        "ALTER TABLE jobs ADD CONSTRAINT x CHECK (priority > 0)",
        "ALTER TABLE jobs ADD CONSTRAINT x FOREIGN KEY (user_id) REFERENCES users (id)",
        "ALTER TABLE jobs ADD CONSTRAINT x UNIQUE (name)",
        "ALTER TABLE jobs SET UNLOGGED",
        "UPDATE jobs SET priority = 0",
        "DELETE FROM job_logs WHERE level = 'debug'",
        "REINDEX TABLE jobs",
        "SELECT 1; LOCK TABLE jobs",
        "CLUSTER jobs",
    ],
)
def test_what_is_refused(statement: str) -> None:
    assert len(Judge().faults([statement])) == 1
    table = "job_logs" if "job_logs" in statement else "jobs"
    small = re.sub(rf"\b{table}\b", "limits", statement, count=1)
    assert Judge().faults([small]) == [], "of a small table"
    made = [f"CREATE TABLE {table} (id uuid)", statement]
    assert Judge().faults(made) == [], "of a table that is new"


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY jobs_by_x ON jobs (name)",
        "DROP INDEX CONCURRENTLY jobs_by_x",
        "ALTER TABLE jobs ADD COLUMN x text",
        "ALTER TABLE jobs ADD COLUMN x timestamptz DEFAULT now() NOT NULL",
        "ALTER TABLE jobs ADD COLUMN x varchar(5) DEFAULT '' NOT NULL",
        "ALTER TABLE jobs DROP COLUMN x",
        "ALTER TABLE jobs ADD CONSTRAINT x CHECK (priority > 0) NOT VALID",
        "ALTER TABLE jobs VALIDATE CONSTRAINT x",
        "ALTER TABLE jobs ADD CONSTRAINT x UNIQUE USING INDEX jobs_by_x",
        "ALTER TABLE jobs SET (fillfactor = 50)",
    ],
)
def test_what_is_let_through(statement: str) -> None:
    assert Judge().faults([statement]) == []


def test_not_null_after_a_check_of_the_same_column() -> None:
    judge = Judge()
    column = "ALTER TABLE jobs ALTER COLUMN user_id SET NOT NULL"
    assert judge.faults(["ALTER TABLE jobs ADD CONSTRAINT x CHECK (user_id IS NOT NULL) NOT VALID"]) == []
    assert len(judge.faults([column])) == 1, "not yet validated"
    assert judge.faults(["ALTER TABLE jobs VALIDATE CONSTRAINT x", column]) == []
    assert len(judge.faults(["ALTER TABLE jobs ALTER COLUMN name SET NOT NULL"])) == 1


@pytest.fixture
def busy(servers: Servers) -> Iterator[str]:
    """A database before the migration that changes `jobs` most."""
    with database(servers.database_url) as url, migrating(url) as (_, config):
        command.upgrade(config, "0004")
        yield url


def test_a_migration_lets_others_pass_and_tries_again(busy: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "jobsapp.store.migrating")
    patience = Patience(lock_seconds=0.2, pauses=(0.05,) * 1000)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(busy) as long, psycopg.connect(busy, autocommit=True) as other:
        long.execute("SELECT count(*) FROM jobs")
        waiting = pool.submit(schema.upgrade, alchemy(busy), patience=patience)
        # Who comes while the migration waits stands behind it in the line: not for longer than it waits.
        other.execute("SET statement_timeout = '5s'")
        questions = 0
        while len(caplog.records) < 3:
            assert not waiting.done()
            other.execute("SELECT count(*) FROM jobs")
            questions += 1
        assert questions >= 3
        assert "tries again in 0.05 s" in caplog.text
        long.commit()
        assert waiting.result(60)
        assert other.execute("SELECT version_num FROM alembic_version").fetchone() == (REVISIONS[-1],)


def test_a_migration_gives_up_with_a_sentence_in_the_end(busy: str) -> None:
    patience = Patience(lock_seconds=0.1, pauses=(0.01,))
    with psycopg.connect(busy) as long:
        long.execute("SELECT count(*) FROM jobs")
        with pytest.raises(Unavailable, match=r"gave up .*lock timeout.* end it, and try again"):
            schema.upgrade(alchemy(busy), patience=patience)
        long.execute("SELECT count(*) FROM jobs")
    assert schema.upgrade(alchemy(busy), patience=patience)


def test_an_index_that_could_not_be_made_is_begun_anew(servers: Servers, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "jobsapp.store.migrating")
    with database(servers.database_url) as url:
        with migrating(url) as (_, config):
            command.upgrade(config, "0011")
        with (
            ThreadPoolExecutor(1) as pool,
            psycopg.connect(url) as long,
            psycopg.connect(url, autocommit=True) as other,
        ):
            long.execute("INSERT INTO organizations (id, name) VALUES (%s, 'x')", [uuid4()])
            fill(long)
            waiting = pool.submit(schema.upgrade, alchemy(url), patience=Patience(0.2, (0.05,) * 1000))
            while len(caplog.records) < 2:
                assert not waiting.done()
                other.execute("SELECT count(*) FROM jobs")
            long.commit()
            assert waiting.result(60)
            query = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'jobs_of_type'::regclass"
            assert other.execute(query).fetchone() == (True,)


@contextmanager
def in_a_migration(url: str) -> Iterator[None]:
    with migrating(url) as (connection, _):
        set_timeouts(connection, Patience(lock_seconds=0.1))
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
        with Operations.context(context), context.begin_transaction(_per_migration=True):
            yield
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "100ms"


VALID = "SELECT indisvalid, indexrelid::int FROM pg_index WHERE indexrelid = to_regclass('jobs_by_name')"


def make_index(url: str) -> None:
    with in_a_migration(url):
        create_index("jobs_by_name", "jobs", ["name"])


def test_an_index_is_made_while_others_write(busy: str) -> None:
    with psycopg.connect(busy, autocommit=True) as other:
        fill_first(other)
        with pytest.raises(psycopg.errors.UniqueViolation):
            other.execute("CREATE UNIQUE INDEX CONCURRENTLY jobs_by_name ON jobs (type)")
        assert other.execute(VALID).fetchone()[0] is False, "left by a run that failed"  # type: ignore[index]
        with ThreadPoolExecutor(1) as pool, psycopg.connect(busy) as long:
            long.execute("UPDATE jobs SET priority = 1 WHERE status = 'pending'")
            waiting = pool.submit(make_index, busy)
            query = "SELECT 1 FROM pg_locks WHERE locktype = 'virtualxid' AND NOT granted"
            while other.execute(query).fetchone() is None:
                assert not waiting.done(), waiting.exception()
            other.execute("SET statement_timeout = '5s'")
            assert other.execute("UPDATE jobs SET priority = 2 WHERE status = 'failed'").rowcount == 1
            long.commit()
            waiting.result(60)
        valid, made = other.execute(VALID).fetchone() or (None, None)
        assert valid is True
        make_index(busy)
        assert other.execute(VALID).fetchone() == (True, made), "one that is whole stays"
        with in_a_migration(busy):
            drop_index("jobs_by_name", "jobs")
        assert other.execute(VALID).fetchone() is None


@pytest.mark.parametrize("also", ["ann@example.org", "ANN@example.org", None])
def test_addresses_become_small_unless_two_are_one(
    servers: Servers, caplog: pytest.LogCaptureFixture, also: str | None
) -> None:
    caplog.set_level(logging.WARNING)
    with database(servers.database_url) as url, migrating(url) as (_, config):
        command.upgrade(config, "0017")
        with psycopg.connect(url, autocommit=True) as raw:
            home = uuid4()
            raw.execute("INSERT INTO organizations (id, name) VALUES (%s, 'x')", [home])
            emails = ["Ann@example.org", "Bob@example.org", *([also] if also else [])]
            for email in emails:
                raw.execute("INSERT INTO users (id, home_id, email) VALUES (%s, %s, %s)", [uuid4(), home, email])
            command.upgrade(config, "0018")
            found = {row[0] for row in raw.execute("SELECT email FROM users")}
            made = raw.execute("SELECT to_regclass('users_by_address')").fetchone()
    assert found == {"bob@example.org", *(["Ann@example.org", also] if also else ["ann@example.org"])}
    assert (made == (None,)) is (also is not None)
    assert ("1 addresses have several accounts" in caplog.text) is (also is not None)
