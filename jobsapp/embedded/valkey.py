"""An embedded Redis-compatible server (Valkey), started as a child, its data in one folder.

    with EmbeddedValkey(Path("var/valkey")) as server:
        redis.from_url(server.url)

It listens on 127.0.0.1 with a password, and writes its data to disk once a second.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from jobsapp.embedded import binaries, folder, process
from jobsapp.errors import ConfigError

START_SECONDS = 60.0
LEFTOVER_SECONDS = 30.0
STOP_SIGNALS = ((signal.SIGTERM, 15.0),)
CONFIG = """\
bind {host}
port {port}
requirepass {password}
dir .
save ""
appendonly {appendonly}
appendfsync everysec
maxmemory-policy noeviction
"""


class EmbeddedValkey:
    """One server on one folder. `durable=False` is for tests: nothing is written to disk."""

    def __init__(self, home: Path, *, durable: bool = True, log: Path | None = None) -> None:
        self.home = home.absolute()
        self.log = log or self.home / "server.log"
        self.durable = durable
        self.process: subprocess.Popen[bytes] | None = None
        self._port: int | None = None
        self._log_start = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Address with the password. Known once the server was launched."""
        return f"redis://:{self._password()}@{folder.LOOPBACK}:{self._port}/0"

    def start(self) -> Self:
        """Start and wait until it answers. Raises ConfigError with the reason if it does not."""
        self.launch()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def launch(self) -> subprocess.Popen[bytes]:
        """Start without waiting for the first answer.

        The first launch waits for an earlier server on the folder to end (two would write over each
        other); a further one does not, and keeps the port. Raises ConfigError.
        """
        folder.make_private(self.home)
        lock = process.hold(self.home / "lock", LEFTOVER_SECONDS if self.process is None else 0)
        if lock is None:
            raise ConfigError(f"Another Redis-compatible server is running on {self.home}: stop it first.")
        try:
            binary = binaries.find_valkey()
            if self._port is None:
                self._port = folder.remembered_port(self.home / "port")
            # In a file, not on the command line, where every user of the machine could read the password.
            folder.write_private(self.home / "server.conf", self._config())
            self._log_start = self.log.stat().st_size if self.log.exists() else 0
            self.process = process.spawn([binary, "server.conf"], log=self.log, cwd=self.home, keep_fds=[lock])
        finally:
            os.close(lock)
        return self.process

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until it has read its data and answers. Raises ConfigError."""
        deadline = time.monotonic() + seconds
        while not self._answers():
            if self.process is None or self.process.poll() is not None:
                raise ConfigError(f"The Redis-compatible server did not start: {self._reason()}")
            if time.monotonic() > deadline:
                raise ConfigError(
                    f"The Redis-compatible server did not answer within {seconds:.0f} s: {self._reason()}"
                )
            time.sleep(process.POLL_SECONDS)

    def stop(self) -> None:
        """Write what is left to disk and end. Safe to call twice, or when not started."""
        if self.process is not None:
            process.end(self.process, STOP_SIGNALS)
            self.process = None

    def _password(self) -> str:
        return folder.secret(self.home / "password")

    def _config(self) -> str:
        return CONFIG.format(
            host=folder.LOOPBACK,
            port=self._port,
            password=self._password(),
            appendonly="yes" if self.durable else "no",
        )

    def _answers(self) -> bool:
        """Whether PING is answered by PONG: while the data is read it is an error."""
        try:
            with socket.create_connection((folder.LOOPBACK, self._port or 0), timeout=1) as connection:
                connection.sendall(f"AUTH {self._password()}\r\nPING\r\nQUIT\r\n".encode())
                answer = b"".join(iter(lambda: connection.recv(4096), b""))
        except OSError:
            return False
        return b"+PONG" in answer

    def _reason(self) -> str:
        lines = process.tail(self.log, since=self._log_start)
        return lines[-1] if lines else "it said nothing"
