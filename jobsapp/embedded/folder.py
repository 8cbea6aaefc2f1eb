"""The folder of an embedded server: private, writable, with its secret and its port in files."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from pathlib import Path

from jobsapp.errors import ConfigError

LOOPBACK = "127.0.0.1"


def make_private(folder: Path) -> Path:
    """Make the folder (mode 700) if it is missing. Raises ConfigError if it cannot be made or written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(
            f"The folder {folder} cannot be written ({error.strerror}): choose another one with JOBSAPP_DATA_DIR."
        ) from None
    return folder


def secret(path: Path) -> str:
    """The secret kept in a file that only its owner may read, made on first use. Safe in an address."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text()


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 600 whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


def remembered_port(path: Path) -> int:
    """The port of the last start if it is still free, otherwise a free one, which is then remembered."""
    try:
        last = int(path.read_text())
    except (OSError, ValueError):
        last = 0
    port = last if last and is_free(last) else _any_port()
    if port != last:
        write_private(path, str(port))
    return port


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
