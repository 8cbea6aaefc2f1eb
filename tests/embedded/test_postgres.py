from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from jobsapp.embedded import binaries, identity, postgres
from jobsapp.embedded.postgres import EmbeddedPostgres
from jobsapp.errors import ConfigError
from tests.embedded.conftest import gone, linux_only, needs_root, start_script, wait_until

START_AND_WAIT = """
import sys, time
from pathlib import Path
from jobsapp.embedded.postgres import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), durable=False) as server:
    print(server.process.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped server's folder with one row in it."""
    home = tmp_path_factory.mktemp("filled") / "pg"
    with EmbeddedPostgres(home, durable=False) as server, psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    return home


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> Path:
    shutil.copytree(filled, tmp_path / "pg")
    return tmp_path / "pg"


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a name so short that a socket fits, and which everybody may pass."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def kept(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT number FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def test_a_new_folder_gets_a_unicode_database(short: Path) -> None:
    with EmbeddedPostgres(short / "pg", durable=False) as server, psycopg.connect(server.url) as connection:
        row = connection.execute(
            "SELECT pg_encoding_to_char(encoding), datcollate, current_setting('fsync') FROM pg_database"
        ).fetchone()
    assert row == ("UTF8", "C.UTF-8", "off")


def test_it_is_durable_unless_told_otherwise(home: Path) -> None:
    with EmbeddedPostgres(home) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_a_second_start_keeps_the_data_and_the_address(home: Path) -> None:
    with EmbeddedPostgres(home, durable=False) as server:
        first = server.url
        assert kept(first) == 7
    with EmbeddedPostgres(home, durable=False) as server:
        assert server.url == first
        assert kept(server.url) == 7


def test_its_address_works_for_sqlalchemy_and_for_another_database(home: Path) -> None:
    with EmbeddedPostgres(home, durable=False) as server:
        engine = sqlalchemy.create_engine(server.url_of("template1"))
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT current_database()").scalar() == "template1"
        engine.dispose()


def test_a_short_folder_is_served_by_a_socket_and_by_nothing_else(short: Path) -> None:
    with EmbeddedPostgres(short / "pg", durable=False) as server, psycopg.connect(server.url) as connection:
        assert server.uses_socket
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_a_folder_too_long_for_a_socket_is_served_on_loopback(filled: Path, tmp_path: Path) -> None:
    home = tmp_path / ("long" * 25) / "pg"
    shutil.copytree(filled, home)
    with EmbeddedPostgres(home, durable=False) as server:
        assert not server.uses_socket
        assert "@127.0.0.1:" in server.url
        assert kept(server.url) == 7


def test_nobody_gets_in_without_the_password(home: Path) -> None:
    with EmbeddedPostgres(home, durable=False) as server:
        wrong = server.url.replace(f"{postgres.USER}:", f"{postgres.USER}:x")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
    assert (home / "password").stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700


def test_stopping_twice_or_unstarted_is_safe(home: Path) -> None:
    server = EmbeddedPostgres(home, durable=False)
    server.stop()
    server.start()
    process = server.process
    assert process is not None
    server.stop()
    server.stop()
    assert process.returncode == 0


@linux_only
def test_it_ends_with_its_parent_and_the_next_start_waits_for_that(home: Path) -> None:
    parent = start_script(START_AND_WAIT, home)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    with EmbeddedPostgres(home, durable=False) as server:
        assert gone(pid)
        assert kept(server.url) == 7


def test_it_recovers_after_it_was_killed(home: Path) -> None:
    with EmbeddedPostgres(home, durable=False) as server:
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        wait_until(lambda: _launches_again(server))
        server.wait_ready()
        assert kept(server.url) == 7


def _launches_again(server: EmbeddedPostgres) -> bool:
    """A relaunch does not wait for the backends of the one that was killed; it is tried again."""
    try:
        server.launch()
    except ConfigError:
        return False
    return True


def test_a_second_one_on_the_folder_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "LEFTOVER_SECONDS", 0)
    with (
        EmbeddedPostgres(home, durable=False),
        pytest.raises(ConfigError, match="Another PostgreSQL is running"),
    ):
        EmbeddedPostgres(home, durable=False).start()


def test_a_start_that_was_cut_off_leaves_no_half_made_data(short: Path) -> None:
    (short / "pg" / "data.tmp" / "base").mkdir(parents=True)
    with EmbeddedPostgres(short / "pg", durable=False) as server:
        psycopg.connect(server.url).close()
    assert not (short / "pg" / "data.tmp").exists()


def test_data_of_another_version_is_refused_in_one_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "POSTGRES_SYSTEM", Path("/nowhere"))
    (home / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(ConfigError, match=r"made by PostgreSQL 12, but here is only 18") as caught:
        EmbeddedPostgres(home).start()
    assert "\n" not in caught.value.detail


def test_a_missing_password_file_is_told(home: Path) -> None:
    (home / "password").unlink()
    with pytest.raises(ConfigError, match="password is missing"):
        _ = EmbeddedPostgres(home).url


def test_damaged_data_is_told_with_the_servers_reason(home: Path) -> None:
    (home / "data" / "postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(ConfigError, match=r"did not start: configuration file .* contains errors"):
        EmbeddedPostgres(home).start()


@needs_root
def test_root_falls_back_to_an_existing_user(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = identity.Identity(uid=65534, gid=65534)
    monkeypatch.setattr(identity, "candidates", lambda _folder: iter([nobody]))
    (short / "var").mkdir(mode=0o700)
    with EmbeddedPostgres(short / "var" / "pg", durable=False) as server:
        assert server.process is not None
        assert Path(f"/proc/{server.process.pid}").stat().st_uid == 65534
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 8 AS number")
    assert (short / "var").stat().st_mode & 0o777 == 0o710
    monkeypatch.undo()
    with EmbeddedPostgres(short / "var" / "pg", durable=False) as server:
        assert kept(server.url) == 8


@needs_root
def test_root_without_any_way_is_told(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "candidates", lambda _folder: iter([]))
    with pytest.raises(ConfigError, match="start as an ordinary user, or set DATABASE_URL"):
        EmbeddedPostgres(short / "pg").start()
