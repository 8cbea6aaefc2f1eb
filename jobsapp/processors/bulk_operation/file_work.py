"""What is done to one file: checked, copied, moved or deleted, in steps of which each may be the last one."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from jobsapp.processors.sdk import Context

from .file_journal import Done, FileJournal, Mark, facts
from .file_list import Entry
from .folders import DRAFT, Folder, open_regular
from .model import BulkInput
from .rows import Broken

CHUNK = 1 << 20
# No link can be made: another file system, one without links, a file of somebody else's.
NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
CHANGING = "It was changed meanwhile; {}"


@dataclass(frozen=True)
class Places:
    """Of one file: the folders it is in and goes to, as descriptors, and its name in them."""

    source: int
    target: int
    name: str
    draft: str


class FileWork:
    """Does it to one entry after the other. `at` is told the share of the file in hand that is done, 0 to 1.

    A file gets its name in the target only when all of it is there: it is made as a draft, `.jobsapp-…part`, and the
    name is a second link to it (which never overwrites), or the draft is renamed where it shall replace.
    """

    def __init__(
        self,
        data: BulkInput,
        context: Context,
        source: Folder,
        target: Folder | None,
        journal: FileJournal,
        at: Callable[[float], None],
    ) -> None:
        self._data, self._context, self._source, self._target = data, context, source, target
        self._journal, self._at = journal, at

    def do(self, number: int, entry: Entry) -> Done:
        """Raises `Broken` or `OSError` if it cannot be done; then the file is where it was."""
        self._check_entry(entry)
        if done := self._finish(number, entry):
            return done
        with self._source.parent(entry.path) as (folder, name):
            fd = open_regular(folder, name)
            try:
                if entry.size >= 0 and os.fstat(fd).st_size != entry.size:
                    raise Broken("changed", f"It has {os.fstat(fd).st_size:,} bytes; the list says {entry.size:,}.")
                match self._data.action:
                    case "check":
                        size, sha256 = self._read(fd, entry)
                        return Done(number, "same" if self._data.source else "listed", size, sha256)
                    case "delete":
                        return self._delete(number, entry, folder, name, fd)
                    case _:
                        return self._transfer(number, entry, folder, fd)
            finally:
                os.close(fd)

    def look(self, number: int, entry: Entry) -> Done:
        """What `do` would come to, as far as can be told without reading."""
        self._check_entry(entry)
        with self._source.parent(entry.path) as (folder, name):
            fd = open_regular(folder, name)
            try:
                size = os.fstat(fd).st_size
            finally:
                os.close(fd)
            if self._data.action in ("move", "delete"):
                _check_removable(folder)
        if entry.size not in (-1, size):
            raise Broken("changed", f"It has {size:,} bytes; the list says {entry.size:,}.")
        words = {"check": "found", "copy": "copied", "move": "moved", "delete": "deleted"}
        skipped = self._target and self._is_skipped(self._target.look(entry.path))
        return Done(number, "skipped" if skipped else words[self._data.action], size)

    def _check_entry(self, entry: Entry) -> None:
        if entry.code:
            raise Broken(entry.code, entry.message)
        if entry.extra:
            if self._source.look(entry.path) is None:
                raise Gone
            raise Broken("extra", "It is there, but not in the list.")

    def _read(self, fd: int, entry: Entry, out: int = -1, part: float = 1.0) -> tuple[int, str]:
        """Its size and SHA-256, as the list says if it says so; `out`: a copy goes there. Raises `Broken`."""
        before = os.fstat(fd)
        size, sha256 = self._digest(fd, out, before.st_size, 0.0, part)
        if facts(os.fstat(fd)) != facts(before) or size != before.st_size:
            raise Broken("changing", CHANGING.format("try again when nobody writes to it."))
        if entry.sha256 and sha256 != entry.sha256:
            raise Broken("changed", f"Its SHA-256 is {sha256}; the list says {entry.sha256}.")
        return size, sha256

    def _digest(self, fd: int, out: int, total: int, start: float, part: float) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        while chunk := os.read(fd, CHUNK):
            self._context.check_cancelled()
            digest.update(chunk)
            size += len(chunk)
            left = memoryview(chunk)
            while out >= 0 and left:
                left = left[os.write(out, left) :]
            self._at(start + part * min(1.0, size / max(total, 1)))
        return size, digest.hexdigest()

    def _delete(self, number: int, entry: Entry, folder: int, name: str, fd: int) -> Done:
        _check_removable(folder)
        size, sha256 = self._read(fd, entry) if entry.sha256 else (os.fstat(fd).st_size, "")
        self._journal.mark(Mark(number, facts(os.fstat(fd)), (0, 0, 0), sha256))
        _remove(folder, name, facts(os.fstat(fd)), "it is not deleted.")
        return Done(number, "deleted", size, sha256)

    def _transfer(self, number: int, entry: Entry, folder: int, fd: int) -> Done:
        target = _given(self._target)
        moves = self._data.action == "move"
        if moves:
            _check_removable(folder)
        if self._is_skipped(target.look(entry.path)):
            return Done(number, "skipped", os.fstat(fd).st_size)
        with target.parent(entry.path, make=True) as (into, name):
            if os.path.samestat(os.fstat(folder), os.fstat(into)):
                raise Broken("same_place", "The two opened folders are the same there.")
            places = Places(folder, into, name, self._draft(self._context.attempt, number))
            old = facts(os.fstat(fd))
            try:
                sha256 = self._make_draft(places, fd, entry)
                new = os.stat(places.draft, dir_fd=into, follow_symlinks=False)
                self._journal.mark(Mark(number, old, facts(new), sha256))
                if not self._place(places):
                    return Done(number, "skipped", old[1])
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(places.draft, dir_fd=into)
            os.fsync(into)
            if moves:
                _remove(folder, name, old, "it is in the target, as it was before, and here.")
        return Done(number, "moved" if moves else "copied", old[1], sha256)

    def _make_draft(self, places: Places, fd: int, entry: Entry) -> str:
        """All of it, in the target's folder; its SHA-256, empty if it did not need to be read."""
        if self._data.action == "move" and _linked(places, fd):
            return self._read(fd, entry)[1] if entry.sha256 else ""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        out = os.open(places.draft, flags, 0o600, dir_fd=places.target)
        try:
            size, sha256 = self._read(fd, entry, out, 0.5)
            found = os.fstat(fd)
            os.fchmod(out, stat.S_IMODE(found.st_mode) & 0o777)
            os.utime(out, ns=(found.st_atime_ns, found.st_mtime_ns))
            os.fsync(out)
            if hasattr(os, "posix_fadvise"):
                # So that it is read from where it was written to, and not from memory.
                os.posix_fadvise(out, 0, 0, os.POSIX_FADV_DONTNEED)
            os.lseek(out, 0, os.SEEK_SET)
            if self._digest(out, -1, size, 0.5, 0.5) != (size, sha256):
                raise Broken("bad_copy", "What was written differs from what was read. The disk may be faulty.")
        finally:
            os.close(out)
        return sha256

    def _place(self, places: Places) -> bool:
        """Give the draft its name. False: there is one of that name, and it is to stay."""
        if self._data.existing == "replace":
            os.rename(places.draft, places.name, src_dir_fd=places.target, dst_dir_fd=places.target)
            return True
        try:
            _link(places.draft, places.target, places.name, places.target)
        except FileExistsError:
            return not self._is_skipped(os.stat(places.name, dir_fd=places.target, follow_symlinks=False))
        except OSError as error:
            if error.errno in NO_LINK:
                raise Broken(
                    "no_links", "The target's file system has no hard links, without which a file that is there cannot "
                    "be kept safe. Choose that it is replaced."
                ) from None  # fmt: skip
            raise
        return True

    def _is_skipped(self, found: os.stat_result | None) -> bool:
        """Whether the file in the target has this item left out. Raises `Broken` if the item fails by it."""
        if found is None or (self._data.existing == "replace" and stat.S_ISREG(found.st_mode)):
            return False
        if self._data.existing == "skip":
            return True
        kind = "file" if stat.S_ISREG(found.st_mode) else "folder, link or the like"
        raise Broken("exists", f"There is a {kind} of that name in the target.")

    def _draft(self, attempt: int, number: int) -> str:
        return f"{DRAFT}{self._context.job_id.hex}-{attempt}-{number}.part"

    def _finish(self, number: int, entry: Entry) -> Done | None:
        """End what an attempt before had in hand with this file; None: it must be done from the beginning."""
        if number == self._journal.last + 1:
            self._clear(number, entry)
        mark = self._journal.mark_of(number)
        if mark is None:
            return None
        old = self._source.look(entry.path)
        if self._data.action == "delete":
            return Done(number, "deleted", mark.old[1], mark.sha256) if old is None else None
        new = _given(self._target).look(entry.path)
        if new is None or facts(new) != mark.new:
            return None
        if self._data.action == "copy":
            return Done(number, "copied", mark.new[1], mark.sha256)
        if old is not None:
            with self._source.parent(entry.path) as (folder, name):
                _remove(folder, name, mark.old, "it is in the target, as it was before, and here.")
        return Done(number, "moved", mark.new[1], mark.sha256)

    def _clear(self, number: int, entry: Entry) -> None:
        """Remove the drafts of attempts that were killed."""
        if self._target is None:
            return
        with suppress(FileNotFoundError), self._target.parent(entry.path) as (folder, _):
            for attempt in range(1, self._context.attempt):
                with suppress(FileNotFoundError):
                    os.unlink(self._draft(attempt, number), dir_fd=folder)


class Gone(Exception):
    """A file that was too many is there no more."""


def _given(target: Folder | None) -> Folder:
    if target is None:
        raise ValueError("This action needs a target.")
    return target


def _linked(places: Places, fd: int) -> bool:
    """Make the draft a second name of the file, where that can be."""
    try:
        _link(places.name, places.source, places.draft, places.target)
    except OSError as error:
        if error.errno in NO_LINK:
            return False
        raise
    if not os.path.samestat(os.stat(places.draft, dir_fd=places.target, follow_symlinks=False), os.fstat(fd)):
        raise Broken("changing", CHANGING.format("another file took its place."))
    return True


def _link(name: str, folder: int, other: str, into: int) -> None:
    os.link(name, other, src_dir_fd=folder, dst_dir_fd=into, follow_symlinks=False)


def _check_removable(folder: int) -> None:
    if not os.access(".", os.W_OK | os.X_OK, dir_fd=folder, effective_ids=True):
        raise Broken("no_permission", "The worker's user may not remove files from its folder.")


def _remove(folder: int, name: str, known: tuple[int, int, int], otherwise: str) -> None:
    """Only if it is still the file that is known."""
    if facts(os.stat(name, dir_fd=folder, follow_symlinks=False)) != known:
        raise Broken("changing", CHANGING.format(otherwise))
    os.unlink(name, dir_fd=folder)
    os.fsync(folder)
