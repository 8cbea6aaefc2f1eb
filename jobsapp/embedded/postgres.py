"""An embedded PostgreSQL: a real server, started as a child, its data in one folder.

    with EmbeddedPostgres(Path("var/pg")) as server:
        psycopg.connect(server.url)

It listens on a Unix socket inside its folder (faster than TCP, and no port to collide with), or on
127.0.0.1 where the folder's name is too long for a socket. Either way a password is needed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from jobsapp.embedded import binaries, folder, identity, process
from jobsapp.errors import ConfigError

USER = "jobsapp"
DATABASE = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"
# The shortest limit of a socket's path among the systems we run on (macOS; Linux has 107).
SOCKET_PATH_LIMIT = 103
START_SECONDS = 60.0
LEFTOVER_SECONDS = 30.0
# SIGINT: drop the clients, write a checkpoint. SIGQUIT: leave at once, recover at the next start.
STOP_SIGNALS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0))
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One server on one folder. `durable=False` is for tests: faster, and lost when the machine stops."""

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
    def data(self) -> Path:
        return self.home / "data"

    @property
    def uses_socket(self) -> bool:
        return len(os.fsencode(self.home / SOCKET_NAME)) <= SOCKET_PATH_LIMIT

    @property
    def url(self) -> str:
        """Address for psycopg and SQLAlchemy, with the password. Known once the server was launched."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """The same for another database of this server."""
        login = f"postgresql://{USER}:{self._password()}@"
        if self.uses_socket:
            return f"{login}/{database}?host={quote(str(self.home), safe='/')}"
        return f"{login}{folder.LOOPBACK}:{self._port}/{database}"

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
        """Start without waiting for the first answer; a new folder is filled first (half a second).

        The first launch waits for an earlier server on the folder to end, a further one does not.
        Raises ConfigError.
        """
        folder.make_private(self.home)
        lock = process.hold(self.home / "lock", LEFTOVER_SECONDS if self.process is None else 0)
        if lock is None:
            raise ConfigError(f"Another PostgreSQL is running on {self.home}: stop it first.")
        try:
            programs = binaries.find_postgres(self._data_major())
            who = identity.choose(self.home, programs.postgres)
            if not self.data.exists():
                self._fill(programs, who)
            if not self.uses_socket and self._port is None:
                self._port = folder.remembered_port(self.home / "port")
            self._log_start = self.log.stat().st_size if self.log.exists() else 0
            self.process = process.spawn(
                [programs.postgres, "-D", self.data, *self._options()],
                log=self.log,
                cwd=self.home,
                death_signal=signal.SIGINT,
                keep_fds=[lock],
                identity=who,
            )
        finally:
            os.close(lock)
        return self.process

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until connections are taken (after a crash: until recovered). Raises ConfigError."""
        deadline = time.monotonic() + seconds
        while not self._is_ready():
            if self.process is None or self.process.poll() is not None:
                raise ConfigError(f"PostgreSQL did not start: {self._reason()}")
            if time.monotonic() > deadline:
                raise ConfigError(f"PostgreSQL did not answer within {seconds:.0f} s: {self._reason()}")
            time.sleep(process.POLL_SECONDS)

    def stop(self) -> None:
        """Fast shutdown. Safe to call twice, or when not started."""
        if self.process is not None:
            process.end(self.process, STOP_SIGNALS)
            self.process = None

    def _data_major(self) -> int | None:
        try:
            return int((self.data / "PG_VERSION").read_text())
        except FileNotFoundError:
            return None

    def _password(self) -> str:
        path = self.home / "password"
        if self.data.exists() and not path.exists():
            raise ConfigError(f"The file {path} is missing: put it back, or set JOBSAPP_DATA_DIR to a new folder.")
        return folder.secret(path)

    def _fill(self, programs: binaries.PostgresBinaries, who: identity.Identity) -> None:
        """Run initdb beside the final place, so that a start that is cut off leaves nothing half made."""
        part = self.home / "data.tmp"
        shutil.rmtree(part, ignore_errors=True)
        folder.secret(self.home / "password")
        who.take_file(self.home / "password")
        log = self.home / "initdb.log"
        log.unlink(missing_ok=True)
        child = process.spawn(
            [programs.initdb, "-D", part, *_initdb_options(programs.major, self.home, self.durable)],
            log=log,
            cwd=self.home,
            identity=who,
        )
        try:
            status = child.wait()
        except BaseException:
            process.kill_group(child)
            raise
        if status:
            raise ConfigError(f"PostgreSQL could not make its data folder: {_first_error(process.tail(log))}")
        part.rename(self.data)

    def _options(self) -> list[str]:
        values = {
            "listen_addresses": "" if self.uses_socket else folder.LOOPBACK,
            "port": str(5432 if self._port is None else self._port),
            # Double quotes: a comma in the folder's name would start a second folder.
            "unix_socket_directories": f'"{self.home}"' if self.uses_socket else "",
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "log_line_prefix": "%m ",
            **({} if self.durable else NOT_DURABLE),
        }
        return [part for name, value in values.items() for part in ("-c", f"{name}={value}")]

    def _is_ready(self) -> bool:
        """As pg_ctl does it: the server writes its state into the eighth line of its pid file."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return (
            self.process is not None
            and len(lines) >= 8
            and int(lines[0]) == self.process.pid
            and lines[7].strip() == "ready"
        )

    def _reason(self) -> str:
        return _first_error(process.tail(self.log, since=self._log_start))


def _initdb_options(major: int, home: Path, durable: bool) -> list[str]:
    options = [
        f"--username={USER}",
        f"--pwfile={home / 'password'}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-instructions",
    ]
    if major >= 17:
        options.append("--locale-provider=builtin")
    if major >= 16:
        # Iterations slow down guessing: nobody guesses 24 random bytes, and each connection pays for them.
        options.append("--set=scram_iterations=1")
    if not durable:
        options.append("--no-sync")
    return options


def _first_error(lines: list[str]) -> str:
    """The line that says why, without its time: the first FATAL or error, else the last."""
    for line in lines:
        for mark in ("FATAL:", "PANIC:", "error:"):
            if mark in line:
                return line.split(mark, 1)[1].strip()
    return lines[-1] if lines else "it said nothing"
