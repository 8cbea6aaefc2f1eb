"""Opened folders: files are reached through the folder's descriptor, one name after the other, and no link is followed.

A check of the whole path and then its use would leave time to put a link in between; here there is none.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from jobsapp.config import Settings
from jobsapp.processors.sdk import Permanent

from .opened import folder_path
from .rows import Broken

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a pipe that took the file's place in the meantime is refused, not waited for.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
DRAFT = ".jobsapp-"
CODES = {
    errno.ENOENT: "missing", errno.ELOOP: "not_a_file", errno.ENOTDIR: "not_a_file", errno.EISDIR: "not_a_file",
    errno.EACCES: "no_permission", errno.EPERM: "no_permission", errno.ENAMETOOLONG: "bad_name",
}  # fmt: skip
# A folder that went, or that a link or a file has replaced, while the ones before it were read.
GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
# What is wrong with the disk and not with one file.
OF_THE_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE, errno.EMFILE, errno.ENFILE})


@dataclass(frozen=True)
class Seen:
    """A file as a walk found it. `name`: relative, with `/`. `regular` False: a link, a pipe, a device."""

    name: str
    size: int
    regular: bool


class Folder:
    """A folder that the administrator has opened. Use it in a `with` block."""

    def __init__(self, label: str, path: str) -> None:
        self.label = label
        try:
            self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Permanent(
                f"The folder {label!r} is opened (JOBSAPP_BULK_FOLDERS), but cannot be used: {error.strerror}."
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.fd)

    @contextmanager
    def parent(self, name: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The descriptor of the folder in which a file is, and its last name. `make`: also folders that are missing.

        Raises `Broken` for a name that leaves the folder or goes through a link, `OSError` for what the system says.
        """
        *folders, last = split(name)
        with self._below(folders, make) as fd:
            yield fd, last

    @contextmanager
    def _below(self, folders: list[str], make: bool = False) -> Iterator[int]:
        fd = os.dup(self.fd)
        try:
            for folder in folders:
                below = _enter(fd, folder, make)
                os.close(fd)
                fd = below
            yield fd
        finally:
            os.close(fd)

    @contextmanager
    def open(self, name: str) -> Iterator[tuple[int, os.stat_result]]:
        """A regular file for reading, and what it is. Raises as `parent` does."""
        with self.parent(name) as (folder, last):
            fd = open_regular(folder, last)
        try:
            yield fd, os.fstat(fd)
        finally:
            os.close(fd)

    def look(self, name: str) -> os.stat_result | None:
        """What is there, itself and not what it points to; None: nothing."""
        try:
            with self.parent(name) as (folder, last):
                return os.stat(last, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def walk(self) -> Iterator[Seen]:
        """All that is in it and below, by name; links to folders are told as what is no file, and not entered.

        Drafts of copies are left out, and what vanishes meanwhile. Raises `Permanent` if a folder may not be read.
        """
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            found = self._list(folder)
            waiting += [seen.name for seen in reversed(found) if seen.size < 0]
            yield from (seen for seen in found if seen.size >= 0)

    def _list(self, folder: str) -> list[Seen]:
        """Of one folder; those below it have the size -1."""
        try:
            with self._below(split(folder) if folder else []) as fd, os.scandir(fd) as entries:
                return sorted(
                    (
                        _seen(f"{folder}/{entry.name}" if folder else entry.name, entry)
                        for entry in entries
                        if not entry.name.startswith(DRAFT)
                    ),
                    key=lambda seen: seen.name,
                )
        except OSError as error:
            if folder and error.errno in GONE:
                return []
            place = f"{self.label}/{show(folder)}" if folder else self.label
            raise Permanent(f"The folder {place} cannot be read: {error.strerror}.") from None


def open_folder(settings: Settings, field: str, label: str) -> Folder:
    """Raises `Permanent` if it is not opened or not there."""
    try:
        path = folder_path(settings, field, label)
    except ValueError as error:
        raise Permanent(str(error)) from None
    return Folder(label, path)


def split(name: str) -> list[str]:
    """The parts of a relative name. Raises `Broken` if it is none."""
    parts = name.split("/")
    if "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise Broken("bad_name", f"{show(name)[:200]!r} is no relative name: none of its parts may be empty, . or ..")
    return parts


def open_regular(folder: int, name: str) -> int:
    """A descriptor for reading. Raises `Broken` for what is no regular file; devices and pipes are not even opened."""
    before = os.stat(name, dir_fd=folder, follow_symlinks=False)
    _check_regular(before)
    fd = os.open(name, FILE, dir_fd=folder)
    try:
        _check_regular(os.fstat(fd))
    except Broken:
        os.close(fd)
        raise
    return fd


def show(name: str) -> str:
    """For people and JSON: bytes that are no UTF-8 as \\xff."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def fault(error: OSError) -> Broken:
    """Why one file could not be used. Raises the error again if it is the disk's."""
    if error.errno in OF_THE_DISK:
        raise error
    code = CODES.get(error.errno or 0, "os_error")
    said = {
        "missing": "There is no such file.",
        "not_a_file": "It is not a regular file, or a folder in its name is a link or none.",
    }
    return Broken(code, said.get(code, f"{error.strerror}."))


def _enter(fd: int, folder: str, make: bool) -> int:
    try:
        return os.open(folder, FOLDER, dir_fd=fd)
    except FileNotFoundError:
        if not make:
            raise
    try:
        os.mkdir(folder, dir_fd=fd)
        os.fsync(fd)
    except FileExistsError:
        pass
    return os.open(folder, FOLDER, dir_fd=fd)


def _check_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Broken("not_a_file", "It is not a regular file. Links are not followed.")


def _seen(name: str, entry: os.DirEntry[str]) -> Seen:
    if entry.is_dir(follow_symlinks=False):
        return Seen(name, -1, False)
    found = entry.stat(follow_symlinks=False)
    return Seen(name, found.st_size, stat.S_ISREG(found.st_mode))
