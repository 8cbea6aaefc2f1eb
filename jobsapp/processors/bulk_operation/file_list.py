"""Which files an operation is about: by a list, a pattern, or both. It is settled before the first one is touched."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from jobsapp.processors.sdk import Context

from .folders import Folder, Seen, fault, open_regular, show, split
from .model import BulkInput
from .rows import Broken, Item, Rows

LOOK_EVERY = 200
SHA256 = re.compile(r"[0-9a-f]{64}")


class Entry(msgspec.Struct, omit_defaults=True):
    """One file that is meant. `name`: as people see it, `raw`: in hexadecimal, if it is no UTF-8.

    `size` (bytes, -1: not told), `sha256`: what the list says. `found`: its bytes when it was listed, -1 if it was
    not there. `extra`: it is there and the list does not have it. `code`, `message`: why it cannot be used.
    """

    item: int
    line: int
    name: str
    raw: str = ""
    size: int = -1
    sha256: str = ""
    found: int = -1
    extra: bool = False
    code: str = ""
    message: str = ""
    csv: bool = False
    row: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def path(self) -> str:
        """As the system wants it."""
        return os.fsdecode(bytes.fromhex(self.raw)) if self.raw else self.name

    def as_item(self) -> Item:
        """For the report."""
        return Item(self.item, self.line, 0, 0, {}, row=bytes(self.row), plain=self.csv)


class Listed(msgspec.Struct):
    """The last line of a list. `bytes` as found; `no_files`: links and the like; `left_out`: not of the pattern."""

    items: int
    bytes: int
    no_files: int
    left_out: int


class FileList:
    """A list in a file of its own; the attempts after the one that made it take the same."""

    def __init__(self, path: Path, facts: Listed) -> None:
        self._path = path
        self.facts = facts

    def __iter__(self) -> Iterator[Entry]:
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if number > self.facts.items:
                    return
                yield msgspec.json.decode(line, type=Entry)


def settle(data: BulkInput, context: Context, folder: Folder) -> FileList:
    """The list that an earlier attempt made, or a new one, which is on disk when this returns."""
    for attempt in range(1, context.attempt):
        path = context.keepdir / f"{attempt}.list"
        if facts := _ended(path):
            return FileList(path, facts)
    path = context.keepdir / f"{context.attempt}.list"
    found = _Finder(data, context, folder)
    facts = Listed(0, 0, 0, 0)
    with path.open("wb") as file:
        for entry in found.all():
            facts.items += 1
            facts.bytes += max(entry.found, 0)
            if data.source is None:
                entry.item = entry.line = facts.items
            file.write(msgspec.json.encode(entry) + b"\n")
            if facts.items % LOOK_EVERY == 0:
                context.check_cancelled()
                context.progress(facts.items, None, f"{facts.items:,} files listed")
        facts.no_files, facts.left_out = found.no_files, found.left_out
        file.write(msgspec.json.encode({"end": facts}))
        file.flush()
        os.fsync(file.fileno())
    return FileList(path, facts)


def fits(pattern: str) -> Callable[[str], bool]:
    """What tells whether a relative name is of a pattern. Empty: all are."""
    wanted = pattern.split("/")
    if not pattern:
        return lambda _: True

    def test(name: str) -> bool:
        # The places in the pattern that the parts so far may have come to.
        places = _skip({0}, wanted)
        for part in name.split("/"):
            places = _skip(
                {
                    place if wanted[place] == "**" else place + 1
                    for place in places
                    if place < len(wanted) and (wanted[place] == "**" or fnmatchcase(part, wanted[place]))
                },
                wanted,
            )
        return len(wanted) in places

    return test


def _skip(places: set[int], wanted: list[str]) -> set[int]:
    """`**` may also stand for nothing."""
    for place in sorted(places):
        while place < len(wanted) and wanted[place] == "**":
            place += 1
            places.add(place)
    return places


def _ended(path: Path) -> Listed | None:
    """The last line, if it was written to its end."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 1000))
            return msgspec.json.decode(file.read().split(b"\n")[-1], type=dict[str, Listed])["end"]
    except (OSError, KeyError, msgspec.DecodeError):
        return None


class _Finder:
    def __init__(self, data: BulkInput, context: Context, folder: Folder) -> None:
        self._data, self._context, self._folder = data, context, folder
        self._fits = fits(data.pattern)
        self._named: set[str] = set()
        self.no_files = self.left_out = 0

    def all(self) -> Iterator[Entry]:
        if self._data.source is None:
            yield from map(_found, self._walk())
            return
        rows = Rows(self._context.file(self._data.source).path, self._data)
        for item in rows.read():
            if entry := self._of_list(item, rows.format == "report"):
                yield entry
        if self._data.action == "check" and rows.format != "report":
            for seen in self._walk():
                if seen.name not in self._named:
                    entry = _found(seen)
                    entry.extra = True
                    entry.row = msgspec.Raw(msgspec.json.encode(_names(seen.name) | {"extra": "true"}))
                    yield entry

    def _walk(self) -> Iterator[Seen]:
        for number, seen in enumerate(self._folder.walk(), 1):
            if number % LOOK_EVERY == 0:
                self._context.check_cancelled()
            if not self._fits(seen.name):
                self.left_out += 1
            elif seen.regular:
                yield seen
            else:
                self.no_files += 1

    def _of_list(self, item: Item, report: bool) -> Entry | None:
        entry = Entry(item.number, item.line, "", csv=item.plain, row=msgspec.Raw(item.as_json()))
        try:
            self._fill(entry, item, report)
            if not self._fits(entry.path):
                self.left_out += 1
                return None
            entry.found = _size(self._folder, entry.path)
        except Broken as why:
            entry.code, entry.message = why.code, str(why)
        return entry

    def _fill(self, entry: Entry, item: Item, report: bool) -> None:
        if item.broken:
            raise item.broken
        cell = {key: (item.cells.get(self._data.mapping.get(key, key)) or "") for key in ("name", "size", "sha256")}
        entry.name, entry.raw = cell["name"], item.cells.get("nameHex") or ""
        try:
            path = entry.path
        except ValueError:
            raise Broken("bad_name", "nameHex is not hexadecimal.") from None
        if not path:
            raise Broken("no_name", "The row has no name.")
        split(path)
        if path in self._named:
            raise Broken("twice", "The list has this name before.")
        self._named.add(path)
        entry.extra = report and item.cells.get("extra") == "true"
        entry.sha256 = cell["sha256"].strip().lower()
        if entry.sha256 and not SHA256.fullmatch(entry.sha256):
            raise Broken("bad_row", f"{entry.sha256[:80]!r} is no SHA-256: 64 hexadecimal digits.")
        if cell["size"].strip():
            if not re.fullmatch(r"[0-9]{1,18}", cell["size"].strip()):
                raise Broken("bad_row", f"{cell['size'][:80]!r} is no size in bytes.")
            entry.size = int(cell["size"])


def _found(seen: Seen) -> Entry:
    names = _names(seen.name)
    row = msgspec.Raw(msgspec.json.encode(names))
    return Entry(0, 0, names["name"], raw=names.get("nameHex", ""), found=seen.size, row=row)


def _names(path: str) -> dict[str, str]:
    shown = show(path)
    return {"name": shown} if shown == path else {"name": shown, "nameHex": os.fsencode(path).hex()}


def _size(folder: Folder, name: str) -> int:
    """In bytes; -1: it is not there. Raises `Broken`."""
    try:
        with folder.parent(name) as (fd, last):
            file = open_regular(fd, last)
            try:
                return os.fstat(file).st_size
            finally:
                os.close(file)
    except FileNotFoundError:
        return -1
    except OSError as error:
        raise fault(error) from None
