"""Migrations and models agree, and a migration waits for another that runs."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import UUID, uuid4

import psycopg
from alembic import command
from sqlalchemy import Connection, create_engine

from jobsapp.config import Settings
from jobsapp.core.ids import new_id
from jobsapp.store import schema
from tests.processes import Processes
from tests.store import recount
from tests.store.rows import insert_organization


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_models_and_migrations_do_not_differ(settings: Settings) -> None:
    with connected(settings.sqlalchemy_url) as connection:
        config = schema.alembic_config()
        config.attributes["connection"] = connection
        command.check(config)


def test_two_hosts_that_start_at_once_migrate_once(settings: Settings) -> None:
    name = f"fresh_{uuid4().hex[:8]}"
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    url = settings.sqlalchemy_url.replace("@/postgres", f"@/{name}")
    assert url != settings.sqlalchemy_url
    with ThreadPoolExecutor(1) as pool:
        # Alembic's environment is global to a process, so the second host is one that has the lock.
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as other:
            other.execute("SELECT pg_advisory_lock(8314627)")
            waiting = pool.submit(schema.upgrade, url)
            while not other.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone():
                assert not waiting.done()
            other.execute("SELECT pg_advisory_unlock(8314627)")
        assert waiting.result(30)
    assert not schema.upgrade(url)


def test_flask_db_upgrade_does_the_same(settings: Settings) -> None:
    name = f"flask_{uuid4().hex[:8]}"
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    url = settings.database_url.replace("@/postgres", f"@/{name}")
    with Processes(settings, database_url=url) as processes:
        assert processes.flask("db", "upgrade").wait(60) == 0
    assert not schema.upgrade(settings.sqlalchemy_url.replace("@/postgres", f"@/{name}"))


def test_down_and_up_again(settings: Settings) -> None:
    name = f"down_{uuid4().hex[:8]}"
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    url = settings.sqlalchemy_url.replace("@/postgres", f"@/{name}")
    assert schema.upgrade(url)
    with connected(url) as connection:
        config = schema.alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert schema.upgrade(url)


def test_users_with_their_tokens_and_logins_become_members(settings: Settings) -> None:
    url, config = fresh(settings, "members"), schema.alembic_config()
    with connected(url) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0012")
    first, second, admin, member, token = (new_id() for _ in range(5))
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as rows:
        for organization, name in ((first, "default"), (second, "elsewhere")):
            rows.execute("INSERT INTO organizations (id, name) VALUES (%s, %s)", [organization, name])
        users = "INSERT INTO users (id, organization_id, email, role) VALUES (%s, %s, %s, %s)"
        rows.execute(users, [admin, first, "a@b", "admin"])
        rows.execute(users, [member, second, "c@d", "member"])
        rows.execute(
            "INSERT INTO api_tokens (id, user_id, name, token_hash) VALUES (%s, %s, 'x', 'x')", [token, member]
        )
        logins = "INSERT INTO login_sessions (id, user_id, secret_hash, user_agent, expires_at)"
        rows.execute(f"{logins} VALUES (%s, %s, 'x', '', now())", [new_id(), admin])  # type: ignore[arg-type]
        assert schema.upgrade(url)

        def read(query: str) -> list[tuple[UUID | str | bool, ...]]:
            return rows.execute(query).fetchall()  # type: ignore[arg-type]

        kept = [(admin, first, "admin"), (member, second, "member")]
        assert read("SELECT user_id, organization_id, role FROM memberships ORDER BY role") == kept
        assert read("SELECT id, home_id FROM users ORDER BY email") == [one[:2] for one in kept]
        assert read("SELECT user_id, organization_id FROM api_tokens") == [(member, second)]
        assert read("SELECT user_id, organization_id FROM login_sessions") == [(admin, first)]
        assert read("SELECT name, runs_installation FROM organizations ORDER BY name") == [
            ("default", True),
            ("elsewhere", False),
        ]
        with connected(url) as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, "0012")
        assert read("SELECT id, organization_id, role FROM users ORDER BY role") == kept


def fresh(settings: Settings, name: str) -> str:
    """The address of an empty database."""
    name = f"{name}_{uuid4().hex[:8]}"
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    return settings.sqlalchemy_url.replace("@/postgres", f"@/{name}")


def upgrade_to(url: str, revision: str) -> None:
    with connected(url) as connection:
        config = schema.alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


FILL = """
INSERT INTO jobs (id, organization_id, type, queue, name, data, max_attempts, allowance, status, failed_at,
  cancelled_at)
SELECT gen_random_uuid(), %s, 'echo', 'echo', 'Job ' || n, '{}', 3, 3,
  CASE n % 3 WHEN 0 THEN 'failed' WHEN 1 THEN 'cancelled' ELSE 'pending' END,
  CASE n % 3 WHEN 0 THEN now() END, CASE n % 3 WHEN 1 THEN now() END
FROM generate_series(1, 300) AS n
""".replace(" % ", " %% ")
INDEX = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('jobs_by_text')"


def test_lists_at_size_come_to_a_table_with_rows_and_to_one_left_half_done(settings: Settings) -> None:
    name = f"lists_{uuid4().hex[:8]}"
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    url = settings.sqlalchemy_url.replace("@/postgres", f"@/{name}")
    upgrade_to(url, "0012")
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(FILL, [insert_organization(connection)])
        upgrade_to(url, "0016")
        assert recount.unlisted(connection) == {}
        assert connection.execute(INDEX).fetchone() == (True,)
        assert connection.execute("SELECT count(*) FROM unsuccessful_jobs").fetchone() == (200,)
        # Killed while it built the index, and before all was listed.
        connection.execute("UPDATE alembic_version SET version_num = '0015'")
        connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'jobs_by_text'::regclass")
        connection.execute("DELETE FROM unsuccessful_jobs WHERE status = 'failed'")
        upgrade_to(url, "head")
        assert recount.unlisted(connection) == {}
        assert connection.execute(INDEX).fetchone() == (True,)
        connection.execute("DELETE FROM jobs WHERE status = 'failed'")
        assert recount.unlisted(connection) == {}


def test_without_the_right_to_make_extensions_there_is_no_index_of_texts(settings: Settings) -> None:
    name, role = f"poor_{uuid4().hex[:8]}", f"poor_{uuid4().hex[:8]}"
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'poor'")  # type: ignore[arg-type]
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    database = settings.database_url.replace("@/postgres", f"@/{name}")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"GRANT ALL ON SCHEMA public TO {role}")  # type: ignore[arg-type]
    login, place = settings.sqlalchemy_url.replace("@/postgres", f"@/{name}").split("@")
    assert schema.upgrade(f"{login.split('://')[0]}://{role}:poor@{place}")
    with psycopg.connect(database) as connection:
        assert connection.execute(INDEX).fetchone() is None
        assert connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'").fetchone() is None
