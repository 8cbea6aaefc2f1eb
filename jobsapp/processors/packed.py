"""Packed files that somebody uploads: none may unpack to what nobody expects of it."""

from __future__ import annotations

import zipfile
from pathlib import Path

MIB = 1024 * 1024
# What is packed well shrinks to a tenth or a twentieth; zeros to a thousandth.
LARGEST_RATIO, RATIO_FROM = 150, 16 * MIB


def refuse_bomb(archive: zipfile.ZipFile, path: Path, largest: int) -> None:
    """Raises ValueError, by what the archive at `path` says of its files: `zipfile` unpacks no more of one than that.

    `largest`: bytes of all files together.
    """
    packed, total = path.stat().st_size, sum(one.file_size for one in archive.infolist())
    if total > largest or (total > RATIO_FROM and total > LARGEST_RATIO * packed):
        raise ValueError(
            f"it unpacks from {packed:,} bytes to {total // MIB:,} MiB, as a decompression bomb does; at most "
            f"{largest // MIB:,} MiB and {LARGEST_RATIO} times its own size are read"
        )
