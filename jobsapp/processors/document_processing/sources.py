"""The documents of a job: the files that were given, those within archives, and what is attached to e-mails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jobsapp.processors.sdk import Context, InputFile, Permanent

from .archive import entries
from .blocks import Unreadable
from .from_email import attachments
from .kinds import Kind, kind_of

# With those in archives and attached to e-mails.
MOST_DOCUMENTS = 10_000


@dataclass(frozen=True)
class Source:
    """One document, or why there is none.

    `name` for people: `mails.zip/offer.eml/prices.xlsx`. `file_id`: of the file that was given. `start` and `end`:
    its share of all bytes that were given, 0 to 1. `path` and `kind` are there only if `error` is None; the file at
    `path` may be gone when the next one is asked for.
    """

    name: str
    file_id: str
    start: float
    end: float
    path: Path | None = None
    kind: Kind | None = None
    error: Unreadable | None = None


def sources(context: Context, files: Sequence[InputFile]) -> Iterator[Source]:
    """Every document, in the order of the files. One that is broken is said to be so, and the rest follows.

    Raises `Permanent` for more than 10,000.
    """
    total = sum(file.size for file in files) or 1
    done = count = 0
    for file in files:
        place = Source(file.name, str(file.id), done / total, (done + file.size) / total)
        done += file.size
        for source in _documents(context, place, file.path):
            count += 1
            if count > MOST_DOCUMENTS:
                raise Permanent(f"There are more than {MOST_DOCUMENTS:,} documents; give them to several jobs.")
            yield source


def _documents(context: Context, place: Source, path: Path, *, packed: bool = False) -> Iterator[Source]:
    try:
        kind = kind_of(path, place.name)
        if kind == "zip" and packed:
            raise Unreadable("unsupported", "It is an archive within an archive or an e-mail; unpack it first.")
        if kind == "zip":
            yield from _packed(context, place, path)
        else:
            yield _with(place, path=path, kind=kind)
            if kind == "email":
                # An e-mail that cannot be read has been told of by then.
                with suppress(Unreadable):
                    yield from _attached(context, place, path)
    except Unreadable as error:
        yield _with(place, error=error)


def _packed(context: Context, place: Source, path: Path) -> Iterator[Source]:
    start = place.start
    for entry in entries(path, context.check_cancelled):
        end = place.start + entry.done * (place.end - place.start)
        inner = Source(f"{place.name}/{_shown(entry.name)}", place.file_id, start, end)
        start = end
        target = context.workdir / "packed"
        try:
            entry.unpack(target)
        except Unreadable as error:
            yield _with(inner, error=error)
        else:
            yield from _documents(context, inner, target, packed=True)


def _attached(context: Context, place: Source, path: Path) -> Iterator[Source]:
    for name, content in attachments(path):
        context.check_cancelled()
        target = context.workdir / "attached"
        target.write_bytes(content)
        inner = Source(f"{place.name}/{_shown(name)}", place.file_id, place.end, place.end)
        try:
            kind = kind_of(target, inner.name)
        except Unreadable as error:
            yield _with(inner, error=error)
            continue
        if kind in ("zip", "email"):
            message = "It is an archive or e-mail attached to an e-mail; give it as a file of its own."
            yield _with(inner, error=Unreadable("unsupported", message))
        else:
            yield _with(inner, path=target, kind=kind)


def _shown(name: str) -> str:
    """A name of a file from outside, for people only: no way up, no control characters."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("..", "/", ".")]
    return "".join(char if char.isprintable() else "�" for char in "/".join(parts))[-500:] or "unnamed"


def _with(
    place: Source, *, path: Path | None = None, kind: Kind | None = None, error: Unreadable | None = None
) -> Source:
    return Source(place.name, place.file_id, place.start, place.end, path, kind, error)
