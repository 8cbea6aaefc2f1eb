"""From the bytes of a text file to UTF-8, strictly: what cannot be read is an error with its line."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from jobsapp.processors.sdk import Permanent

from .progress import Stage

CHUNK = 1 << 20
SAMPLE = 1 << 18
WESTERN = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüÿœŒ€£§°«»¿¡–—‘’“”„…·º ª®©")

# UTF-32's mark begins with that of UTF-16, so it comes first.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def detect(path: Path, chosen: str) -> str:
    """The encoding to read with. `auto` knows byte-order marks, UTF-16 by its zero bytes, and UTF-8."""
    with path.open("rb") as file:
        head = file.read(4096)
    if chosen not in ("auto", "utf-8", "utf8", "utf_8"):
        return chosen
    for mark, encoding in MARKS:
        if head.startswith(mark) and (chosen == "auto" or encoding == "utf-8-sig"):
            return encoding
    even, odd = head[::2], head[1::2]
    if chosen == "auto" and len(head) >= 4 and max(even.count(0), odd.count(0)) > len(even) * 0.6:
        return "utf-16-be" if even.count(0) > odd.count(0) else "utf-16-le"
    return "utf-8"


def is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")


def to_utf8(source: Path, target: Path, encoding: str, stage: Stage) -> None:
    """Write `source` again as UTF-8 without a mark. Raises `Permanent` naming the line that is not `encoding`."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    size, lines, done = max(source.stat().st_size, 1), 1, 0
    with source.open("rb") as reader, target.open("wb") as writer:
        for chunk, last in _chunks(reader):
            done += len(chunk)
            try:
                text = decoder.decode(chunk, last)
            except UnicodeDecodeError as error:
                good = error.object[: error.start].decode(encoding, "ignore")
                raise Permanent(
                    f"Line {lines + good.count(chr(10))} cannot be read as {encoding}: {error.reason}. "
                    "Choose the encoding that the file was written in."
                ) from None
            lines += text.count("\n")
            writer.write(text.removeprefix("\ufeff").encode() if lines == 1 or done <= CHUNK else text.encode())
            stage.at(done / size, f"Reading {encoding}… line {lines:,}")


def suggestion(path: Path, position: int) -> str:
    """Which encodings fit the bytes around `position`, as the end of a sentence."""
    import charset_normalizer

    with path.open("rb") as file:
        file.seek(max(0, position - SAMPLE // 2))
        sample = file.read(SAMPLE)
    if _is_western(sample):
        return "It looks like windows-1252; choose the encoding that it was written in."
    best = charset_normalizer.from_bytes(sample).best()
    if best is None or best.encoding in ("utf_8", "ascii"):
        return "Choose the encoding that it was written in, for example windows-1252 or latin-1."
    return f"It looks like {best.encoding.replace('_', '-')}; choose the encoding that it was written in."


def _is_western(sample: bytes) -> bool:
    """Are the bytes beyond ASCII few, and nearly all letters and signs of Western Europe?

    With few such bytes a detector's guess is little more than chance, so the commonest encoding goes first.
    """
    try:
        text = sample.decode("windows-1252")
    except UnicodeDecodeError:
        return False
    beyond = [char for char in text if char > "\x7f"]
    likely = sum(char in WESTERN for char in beyond)
    # Three such letters in a row are rather Cyrillic or Greek in an encoding of their own.
    if re.search("[\xc0-\xff]{3}", text):
        return False
    return len(beyond) < len(text) * 0.3 and likely >= len(beyond) * 0.9


def _chunks(reader: object) -> Iterator[tuple[bytes, bool]]:
    read = reader.read  # type: ignore[attr-defined]
    chunk = read(CHUNK)
    while chunk:
        following = read(CHUNK)
        yield chunk, not following
        chunk = following
