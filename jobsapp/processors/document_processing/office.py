"""What DOCX, PPTX and XLSX have in common: they are ZIP archives of XML, and one may unpack to more than memory."""

from __future__ import annotations

import zipfile
from pathlib import Path

from .blocks import Unreadable

MIB = 1024 * 1024
# Trees of XML take about ten times their text in memory.
LARGEST_XML = 64 * MIB
LARGEST_PACKAGE = 512 * MIB


def check_package(path: Path, largest_xml: int = LARGEST_XML) -> None:
    """Raises `Unreadable` if a part of XML unpacks to more than `largest_xml` bytes, or all parts to over 512 MiB.

    The sizes are those that the archive states; `zipfile` never unpacks more of a part than that.
    """
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    total = sum(part.file_size for part in parts)
    xml = max((part.file_size for part in parts if part.filename.endswith((".xml", ".rels"))), default=0)
    if total > LARGEST_PACKAGE or xml > largest_xml:
        size = max(total, xml) // MIB
        raise Unreadable(
            "too-large",
            f"It unpacks to {size:,} MiB, of which a part of XML may be {largest_xml // MIB} and all "
            f"{LARGEST_PACKAGE // MIB}: a decompression bomb, or a document to be split.",
        )
    if any(part.flag_bits & 1 for part in parts):
        raise Unreadable("encrypted", "It is protected by a password; save it without one.")
