"""What a file is, by its first bytes. A name says what somebody wants it to be taken for."""

from __future__ import annotations

import re

HEAD_BYTES = 512
# From the formats' own descriptions: PNG (ISO/IEC 15948), JFIF, GIF89a, RIFF, PDF (ISO 32000), RFC 1952, RFC 8878.
MARKS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PAR1", "application/vnd.apache.parquet"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
)
SVG = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg[\s>]", re.S | re.I)
HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|script)\b", re.S | re.I)
PACKAGES = ("application/vnd.openxmlformats", "application/vnd.oasis", "application/epub")
UNKNOWN = "application/octet-stream"


def sniffed(head: bytes) -> str | None:
    """The media type of what begins so; None if these bytes do not say."""
    for mark, media_type in MARKS:
        if head.startswith(mark):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    text = head.removeprefix(b"\xef\xbb\xbf")
    if HTML.match(text):
        return "text/html"
    return "image/svg+xml" if SVG.match(text) else None


def checked(named: str, head: bytes) -> str:
    """The media type to keep of a file whose name says `named`.

    What the content says goes before the name; of a ZIP archive the name may say what is in it. A name that claims a
    picture, a PDF or a packed file has to be right. Of plain text only the name can tell the kind.
    """
    found = sniffed(head)
    if found is None:
        claims = named.startswith("image/") or named in {media_type for _, media_type in MARKS}
        return UNKNOWN if claims and head else named
    if found == "application/zip" and named.startswith(PACKAGES):
        return named
    # A page or a picture is text as well, and somebody may want to convert it as such.
    return named if found == "text/html" and named.startswith("text/") else found
