"""PDFs for tests: drawn by matplotlib, or written here byte for byte where that has no say (outline, password)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

A4 = (8.27, 11.69)
Line = tuple[str, float]
"""Text, and its size in points."""

PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")


def draw(path: Path, pages: Sequence[Sequence[Line]]) -> Path:
    """Each page's lines from its top; an empty line makes a gap."""
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    with PdfPages(path) as pdf:
        for lines in pages:
            figure = Figure(figsize=A4)
            top = 0.93
            for text, size in lines:
                figure.text(0.1, top, text, fontsize=size)
                top -= size * 1.3 / (A4[1] * 72)
            pdf.savefig(figure)
    return path


def draw_scan(path: Path, scanned: Sequence[bool]) -> Path:
    """A page of noise, as a scanner makes it, for each True; one with text for each False."""
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    with PdfPages(path) as pdf:
        for number, is_scan in enumerate(scanned, 1):
            figure = Figure(figsize=A4)
            if is_scan:
                pixels = np.random.default_rng(number).random((40, 30))
                figure.add_axes((0, 0, 1, 1)).imshow(pixels, aspect="auto")
                figure.axes[0].axis("off")
            else:
                figure.text(0.1, 0.9, f"Page {number} has a text that anybody can read.")
            pdf.savefig(figure)
    return path


def write(
    path: Path, pages: Sequence[str], outline: Sequence[tuple[str, int]] = (), password: str | None = None
) -> Path:
    """One line of text a page. `outline`: titles and the pages they are on, from 1. `password`: to open it with; with
    the empty one it opens by itself, and is encrypted all the same."""
    first, key = 3 + 2 * len(pages), b""
    document = b"\x01" * 16
    if password is not None:
        key, security = _security(password, document)
    bodies = [_catalog(first, outline), _pages(len(pages))]
    for number, text in enumerate(pages):
        page, content = 3 + 2 * number, 4 + 2 * number
        font = b"/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
        bodies.append(b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R%s>>" % (content, font))
        stream = b"BT /F 12 Tf 72 760 Td (%s) Tj ET" % text.encode("latin-1")
        stream = _rc4(_object_key(key, content), stream) if key else stream
        bodies.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
        assert len(bodies) == page + 1
    if outline:
        bodies += _outline(first, outline)
    trailer = b"/Root 1 0 R/ID[<%s><%s>]" % (document.hex().encode(), document.hex().encode())
    if password is not None:
        bodies.append(security)
        trailer += b"/Encrypt %d 0 R" % len(bodies)
    path.write_bytes(_file(bodies, trailer))
    return path


def _catalog(first: int, outline: Sequence[object]) -> bytes:
    return b"<</Type/Catalog/Pages 2 0 R%s>>" % (b"/Outlines %d 0 R" % first if outline else b"")


def _pages(count: int) -> bytes:
    kids = b" ".join(b"%d 0 R" % (3 + 2 * number) for number in range(count))
    return b"<</Type/Pages/Count %d/Kids[%s]>>" % (count, kids)


def _outline(first: int, outline: Sequence[tuple[str, int]]) -> list[bytes]:
    last = first + len(outline)
    bodies = [b"<</Type/Outlines/First %d 0 R/Last %d 0 R/Count %d>>" % (first + 1, last, len(outline))]
    for number, (title, page) in enumerate(outline, first + 1):
        following = b"/Next %d 0 R" % (number + 1) if number < last else b""
        place = b"/Dest[%d 0 R/Fit]" % (3 + 2 * (page - 1))
        bodies.append(b"<</Title(%s)/Parent %d 0 R%s%s>>" % (title.encode(), first, place, following))
    return bodies


def _file(bodies: Sequence[bytes], trailer: bytes) -> bytes:
    data, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(bodies) + 1
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d%s>>\nstartxref\n%d\n%%%%EOF\n"
    return data + end % (count, table, count, trailer, len(data))


def _security(password: str, document: bytes) -> tuple[bytes, bytes]:
    """The key and the dictionary of the standard security handler, revision 2 (PDF 1.4, 3.5.2)."""
    padded = (password.encode() + PADDING)[:32]
    owner = _rc4(hashlib.md5(padded).digest()[:5], padded)
    permissions = (-4 & 0xFFFFFFFF).to_bytes(4, "little")
    key = hashlib.md5(padded + owner + permissions + document).digest()[:5]
    user = _rc4(key, PADDING)
    return key, b"<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>" % (owner.hex().encode(), user.hex().encode())


def _object_key(key: bytes, number: int) -> bytes:
    return hashlib.md5(key + number.to_bytes(3, "little") + b"\0\0").digest()[:10]


def _rc4(key: bytes, data: bytes) -> bytes:
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)
