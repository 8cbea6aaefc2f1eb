"""What DOCX, PPTX and XLSX have in common: they are ZIP archives of XML, and one may unpack to more than memory."""

from __future__ import annotations

import zipfile
from pathlib import Path

from .blocks import Unreadable

MIB = 1024 * 1024
# Trees of XML take about ten times their text in memory.
LARGEST_XML = 64 * MIB
LARGEST_PACKAGE = 512 * MIB


def check_package(path: Path, streamed: str = "") -> None:
    """Raises `Unreadable` if a part of XML unpacks to more than 64 MiB, or all parts to over 512 MiB.

    `streamed`: the folder of parts that are never in memory as a whole. The sizes are those that the archive states;
    `zipfile` never unpacks more of a part than that.
    """
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    total = sum(part.file_size for part in parts)
    whole = [part for part in parts if not streamed or not part.filename.startswith(streamed)]
    xml = max((part.file_size for part in whole if part.filename.endswith((".xml", ".rels"))), default=0)
    if total > LARGEST_PACKAGE or xml > LARGEST_XML:
        size = max(total, xml) // MIB
        raise Unreadable(
            "too-large",
            f"It unpacks to {size:,} MiB, of which a part of XML may be {LARGEST_XML // MIB} and all "
            f"{LARGEST_PACKAGE // MIB}: a decompression bomb, or a document to be split.",
        )
    if any(part.flag_bits & 1 for part in parts):
        raise Unreadable("encrypted", "It is protected by a password; save it without one.")
