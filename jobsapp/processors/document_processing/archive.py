"""ZIP archives: their files one after the other, and no bomb."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .blocks import Unreadable
from .office import MIB

MOST_FILES = 1000
LARGEST_FILE = 512 * MIB
LARGEST_TOTAL = 2048 * MIB
# Text packs to a twentieth, sheets to a fiftieth. Only what unpacks to more than this is asked for its ratio.
LARGEST_RATIO, RATIO_FROM = 150, 16 * MIB
CHUNK = 1 << 20
NOT_DOCUMENTS = ("__MACOSX", ".DS_Store", "Thumbs.db")


@dataclass(frozen=True)
class Entry:
    """A file of an archive. `done`: the share of the archive's bytes up to its end. `unpack` writes it to a path."""

    name: str
    done: float
    unpack: Callable[[Path], None]


def entries(path: Path, check_cancelled: Callable[[], None]) -> Iterator[Entry]:
    """The files of an archive in its order, those of the system left out. Raises `Unreadable` for a bomb.

    What the archive states of sizes is checked before anything is unpacked; `zipfile` never unpacks more of a file
    than is stated for it.
    """
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir() and not _is_of_system(info.filename)]
        _check(infos, path.stat().st_size)
        total = sum(info.compress_size for info in infos) or 1
        done = 0
        for info in infos:
            done += info.compress_size

            def unpack(target: Path, info: zipfile.ZipInfo = info) -> None:
                _unpack(archive, info, target, check_cancelled)

            yield Entry(info.filename, done / total, unpack)
    if not infos:
        raise Unreadable("empty", "The archive holds no files.")


def _is_of_system(name: str) -> bool:
    return any(part in NOT_DOCUMENTS for part in PurePosixPath(name).parts)


def _check(infos: list[zipfile.ZipInfo], packed: int) -> None:
    total = sum(info.file_size for info in infos)
    if len(infos) > MOST_FILES:
        raise Unreadable("too-large", f"The archive holds {len(infos):,} files; at most {MOST_FILES:,} are read.")
    if total > LARGEST_TOTAL or (total > RATIO_FROM and total > LARGEST_RATIO * packed):
        raise Unreadable(
            "too-large",
            f"The archive unpacks from {packed:,} bytes to {total // MIB:,} MiB, which is refused as a decompression "
            f"bomb: at most {LARGEST_TOTAL // MIB:,} MiB and {LARGEST_RATIO} times its own size.",
        )


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, check_cancelled: Callable[[], None]) -> None:
    if info.flag_bits & 1:
        raise Unreadable("encrypted", "It is encrypted within the archive; pack it without a password.")
    if info.file_size > LARGEST_FILE:
        raise Unreadable("too-large", f"It unpacks to {info.file_size // MIB:,} MiB; at most {LARGEST_FILE // MIB}.")
    try:
        with archive.open(info) as source, target.open("wb") as file:
            while chunk := source.read(CHUNK):
                check_cancelled()
                file.write(chunk)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError):
        raise Unreadable("broken", "It is damaged within the archive and cannot be unpacked.") from None
