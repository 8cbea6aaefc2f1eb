from __future__ import annotations

import socket
from pathlib import Path

import pytest
import redis

from jobsapp.embedded import valkey
from jobsapp.embedded.valkey import EmbeddedValkey
from jobsapp.errors import ConfigError
from tests.embedded.conftest import gone, linux_only, start_script

START_AND_WAIT = """
import sys, time
from pathlib import Path
from jobsapp.embedded.valkey import EmbeddedValkey
with EmbeddedValkey(Path(sys.argv[1])) as server:
    print(server.process.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "with a space" / "valkey"


def test_a_second_start_keeps_the_data_and_the_address(home: Path) -> None:
    with EmbeddedValkey(home) as server, redis.from_url(server.url) as client:
        first = server.url
        client.set("kept", "7")
    with EmbeddedValkey(home) as server, redis.from_url(server.url) as client:
        assert server.url == first
        assert client.get("kept") == b"7"


def test_it_keeps_everything_and_never_evicts(home: Path) -> None:
    with EmbeddedValkey(home) as server, redis.from_url(server.url) as client:
        settings = client.config_get("*")
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["bind"] == "127.0.0.1"


def test_nobody_gets_in_without_the_password(home: Path) -> None:
    with EmbeddedValkey(home, durable=False) as server:
        address = server.url.split("@")[1]
        with (
            redis.from_url(f"redis://{address}", protocol=2) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()
        assert server.process is not None
        password = (home / "password").read_text()
        if Path("/proc").exists():
            assert password not in Path(f"/proc/{server.process.pid}/cmdline").read_text()
    for name in ("password", "server.conf"):
        assert (home / name).stat().st_mode & 0o777 == 0o600


def test_when_its_port_is_taken_it_takes_another(home: Path) -> None:
    with EmbeddedValkey(home) as server, redis.from_url(server.url) as client:
        client.set("kept", "7")
    port = int((home / "port").read_text())
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        with EmbeddedValkey(home) as server, redis.from_url(server.url) as client:
            assert f":{port}/" not in server.url
            assert client.get("kept") == b"7"


@linux_only
def test_it_ends_with_its_parent_and_the_next_start_waits_for_that(home: Path) -> None:
    parent = start_script(START_AND_WAIT, home)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    with EmbeddedValkey(home):
        assert gone(pid)


def test_a_second_one_on_the_folder_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey, "LEFTOVER_SECONDS", 0)
    with EmbeddedValkey(home, durable=False), pytest.raises(ConfigError, match="is running on"):
        EmbeddedValkey(home, durable=False).start()


def test_stopping_twice_or_unstarted_is_safe(home: Path) -> None:
    server = EmbeddedValkey(home, durable=False)
    server.stop()
    server.start()
    server.stop()
    server.stop()


def test_damaged_data_is_told_with_the_servers_reason(home: Path) -> None:
    with EmbeddedValkey(home):
        pass
    manifest = home / "appendonlydir" / "appendonly.aof.manifest"
    manifest.write_text("nonsense\n")
    with pytest.raises(ConfigError, match=r"did not start: .*manifest"):
        EmbeddedValkey(home).start()
