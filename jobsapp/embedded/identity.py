"""Who a server runs as. PostgreSQL refuses to run as root, and many containers have only root.

As root, in this order: the user who owns the data already; a user namespace in which root is seen as
somebody else (no new user, no changed file); an existing user to whom the data is given.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jobsapp.errors import ConfigError

CLONE_NEWUSER = 0x10000000
SEEN_AS = 1000
EXISTING_USERS = ("postgres", "nobody")

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Identity:
    """The user of a child process: ours, another (`uid` and `gid`), or ours seen as another (`mapped`)."""

    uid: int | None = None
    gid: int | None = None
    mapped: bool = False

    def enter(self) -> None:
        """Called in the child before exec. Raises OSError where the system does not allow it."""
        if not self.mapped:
            return
        user, group = os.geteuid(), os.getegid()
        if _libc.unshare(CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), "unshare")
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{SEEN_AS} {user} 1"),
            ("gid_map", f"{SEEN_AS} {group} 1"),
        ):
            Path("/proc/self", name).write_text(text)

    def take(self, folder: Path) -> None:
        """Give the folder, and the way into it, to this user if it is another one."""
        owner = folder.stat().st_uid
        if self.uid is None or self.gid is None:
            if os.geteuid() == 0 and owner != 0:
                _give(folder, 0, 0)
            return
        if owner != self.uid:
            _give(folder, self.uid, self.gid)
            # The group may pass through the folder above, not list it; nobody else may do either.
            os.chown(folder.parent, -1, self.gid)
            folder.parent.chmod(0o710)

    def take_file(self, path: Path) -> None:
        """Give a file to this user if it is another one."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


SELF = Identity()


def choose(folder: Path, binary: Path) -> Identity:
    """The first identity that can run `binary` in `folder`, which it then owns. Raises ConfigError."""
    if os.geteuid() != 0:
        return SELF
    for identity in candidates(folder):
        identity.take(folder)
        if _works(identity, folder, binary):
            return identity
    SELF.take(folder)
    raise ConfigError(
        f"PostgreSQL does not run as root, and no other user may enter {folder} and {binary.parent}: "
        "start as an ordinary user, or set DATABASE_URL to a server of your own."
    )


def candidates(folder: Path) -> Iterator[Identity]:
    """Identities that root may try for a folder, the best first."""
    owner = folder.stat()
    if owner.st_uid != 0:
        yield Identity(uid=owner.st_uid, gid=owner.st_gid)
    if sys.platform == "linux":
        yield Identity(mapped=True)
    for name in EXISTING_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        yield Identity(uid=entry.pw_uid, gid=entry.pw_gid)


def _works(identity: Identity, folder: Path, binary: Path) -> bool:
    def enter_folder() -> None:
        identity.enter()
        os.chdir(folder)

    try:
        done = subprocess.run(  # noqa: S603 - a program we found ourselves
            [str(binary), "--version"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=enter_folder,
            user=identity.uid,
            group=identity.gid,
            extra_groups=None if identity.uid is None else [],
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _give(folder: Path, uid: int, gid: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)
