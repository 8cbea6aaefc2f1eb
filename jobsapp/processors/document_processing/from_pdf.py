"""PDF: the text of each page in reading order, headings by their size or the document's outline."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .blocks import Block, Facts, Piece, Unreadable, Wanted, heading, one_line, tidy

PASSWORD = 4
SAMPLED_PAGES = 12
# A picture on a page without text, or one on half of a page with next to none (a number that was stamped): a scan.
SCAN_COVERS, STAMPED_SCAN_COVERS, STAMP_LETTERS = 0.1, 0.5, 20
# Line ends: one that comes so near to the right margin goes on in the next line.
FULL_LINE = 0.85
# Distance to the next line, in heights of a line, from which on a new paragraph begins.
GAP = 1.6
# How much larger than the body's text a line of each level of heading is, at least.
SIZES = ((1.7, 1), (1.35, 2), (1.12, 3))
# Dots that lead to a page's number: a line of a table of contents.
_LEADER = re.compile(r"(\. ?){4}")
HYPHENS = ("\x02", "\ufffe", "\xad")


@dataclass(frozen=True)
class Line:
    """A line of a page. All numbers are in points, from the lower left corner of the page."""

    text: str
    size: float
    left: float
    right: float
    bottom: float


def read_pdf(path: Path, wanted: Wanted, facts: Facts) -> Iterator[Piece]:
    """One piece a page. Raises `Unreadable` for a password or a damaged file."""
    document = _open(path)
    try:
        total = facts.pages = len(document)
        last = min(total, wanted.max_pages or total)
        if last < total:
            facts.notes.append(f"Pages {last + 1:,} to {total:,} were left out.")
        styles = _Styles(_body_size(document, last), _outline(document))
        for number in range(1, last + 1):
            blocks = _page(document, number, styles, wanted, facts)
            yield Piece(blocks, number / last, f"page {number:,} of {last:,}")
    finally:
        document.close()


def _open(path: Path) -> Any:
    import pypdfium2  # type: ignore[import-untyped]

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == PASSWORD:
            raise Unreadable("encrypted", "It is protected by a password; save it without one.") from None
        raise Unreadable("broken", "The PDF is damaged or cut off and cannot be opened.") from None
    if not len(document):
        document.close()
        raise Unreadable("empty", "The PDF has no pages.")
    return document


def _page(document: Any, number: int, styles: _Styles, wanted: Wanted, facts: Facts) -> list[Block]:
    import pypdfium2

    try:
        page = document[number - 1]
        try:
            lines = _lines(page)
            letters = sum(len(line.text) for line in lines)
            covers = STAMPED_SCAN_COVERS if letters else SCAN_COVERS
            if letters < STAMP_LETTERS and _picture_share(page) >= covers:
                facts.scanned.append(number)
                if found := _recognised(page, number, wanted, facts):
                    # The height of a scanned line is not its letters' size.
                    lines, styles = found, replace(styles, body=0.0)
        finally:
            page.close()
    except pypdfium2.PdfiumError:
        facts.notes.append(f"Page {number:,} is damaged and was left out.")
        return []
    return list(_blocks(lines, number, styles))


def _recognised(page: Any, number: int, wanted: Wanted, facts: Facts) -> list[Line]:
    """What can be read of a scan."""
    if wanted.ocr is None:
        return []
    try:
        lines = wanted.ocr.read(page)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        facts.notes.append(f"OCR failed on page {number:,}: {one_line(str(error))[:200]}.")
        return []
    if lines:
        facts.recognised.append(number)
    return lines


def _lines(page: Any) -> list[Line]:
    textpage = page.get_textpage()
    try:
        text = textpage.get_text_range()
        return [line for found in re.finditer(r"[^\r\n]+", text) if (line := _line(textpage, found)) is not None]
    finally:
        textpage.close()


def _line(textpage: Any, found: re.Match[str]) -> Line | None:
    import pypdfium2

    text = found[0].rstrip()
    start = found.start() + len(text) - len(text.lstrip())
    if not text.strip():
        return None
    try:
        left, bottom, _, top = textpage.get_charbox(_char(textpage, start), loose=True)
        _, _, right, _ = textpage.get_charbox(_char(textpage, found.start() + len(text) - 1), loose=True)
    except pypdfium2.PdfiumError:
        left = bottom = top = right = 0.0
    return Line(text.strip(), round(abs(top - bottom), 1), left, right, min(top, bottom))


def _char(textpage: Any, index: int) -> int:
    """PDFium's number of the character at an index of its text."""
    import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

    return max(int(pdfium.FPDFText_GetCharIndexFromTextIndex(textpage, index)), 0)


def _picture_share(page: Any) -> float:
    """The share of the page that its largest picture covers, 0 to 1."""
    import pypdfium2.raw as pdfium

    width, height = page.get_size()
    largest = 0.0
    for picture in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE]):
        left, bottom, right, top = picture.get_bounds()
        largest = max(largest, (right - left) * (top - bottom))
    return float(largest / max(width * height, 1.0))


def _body_size(document: Any, last: int) -> float:
    """The size of most of the text, by some pages from all over the document. 0 if there is none."""
    import pypdfium2

    sizes: Counter[float] = Counter()
    for index in range(0, last, max(1, last // SAMPLED_PAGES)):
        try:
            page = document[index]
            for line in _lines(page):
                sizes[line.size] += len(line.text)
            page.close()
        except pypdfium2.PdfiumError:
            continue
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _outline(document: Any) -> dict[tuple[int, str], int]:
    """Levels of the outline's entries (bookmarks), by page from 1 and the letters of the title."""
    import pypdfium2

    found = {}
    try:
        for entry in document.get_toc():
            target = entry.get_dest()
            index = target.get_index() if target else None
            if index is not None and (title := _letters(entry.get_title())):
                found[index + 1, title] = entry.level + 1
    except (pypdfium2.PdfiumError, ValueError):
        return found
    return found


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalpha())


@dataclass(frozen=True)
class _Styles:
    """How headings are told: the body's size in points, and the outline."""

    body: float
    outline: dict[tuple[int, str], int]

    def level(self, line: Line, page: int) -> int:
        """Of a heading, 1 to 6; 0 for other lines."""
        letters = _letters(line.text)
        if not letters or _LEADER.search(line.text):
            return 0
        if level := self.outline.get((page, letters)):
            return min(level, 6)
        if not self.body or len(line.text) > 150:
            return 0
        return next((level for times, level in SIZES if line.size >= times * self.body), 0)


def _blocks(lines: list[Line], page: int, styles: _Styles) -> Iterator[Block]:
    margins = (min((line.left for line in lines), default=0.0), max((line.right for line in lines), default=0.0))
    paragraph: list[Line] = []
    for line in lines:
        level = styles.level(line, page)
        if paragraph and (level or _is_apart(paragraph[-1], line)):
            yield from _paragraph(paragraph, margins, page)
            paragraph = []
        if level:
            yield heading(tidy(line.text), level, page)
        else:
            paragraph.append(line)
    yield from _paragraph(paragraph, margins, page)


def _is_apart(above: Line, line: Line) -> bool:
    same = abs(above.size - line.size) <= 0.1 * max(above.size, line.size)
    return not same or above.bottom - line.bottom > GAP * max(above.size, 1.0)


def _paragraph(lines: list[Line], margins: tuple[float, float], page: int) -> Iterator[Block]:
    """The lines as one paragraph: those that reach the right margin go on in the next, the others stay lines."""
    left, right = margins
    text = ""
    for line in lines:
        if text.endswith(HYPHENS):
            text = text[:-1] + line.text
        else:
            text += line.text
        full = line.right - left >= FULL_LINE * (right - left)
        text += "" if text.endswith(HYPHENS) else " " if full else "\n"
    if one_line(text):
        yield Block("text", tidy(text), page=page)
