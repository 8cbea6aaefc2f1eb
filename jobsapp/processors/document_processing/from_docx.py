"""DOCX: paragraphs, headings, lists and tables in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .blocks import Block, Facts, Piece, Unreadable, Wanted, heading, one_line, table, tidy
from .office import check_package

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
TEXTS = {f"{W}t": None, f"{W}tab": "\t", f"{W}br": "\n", f"{W}cr": "\n", f"{W}noBreakHyphen": "-"}
BATCH = 50
_HEADING = re.compile(r"heading (\d)", re.I)


def read_docx(path: Path, _wanted: Wanted, _facts: Facts) -> Iterator[Piece]:
    """A piece for every 50 paragraphs and tables. Raises `Unreadable`."""
    body, styles = _open(path)
    elements = list(_elements(body))
    for start in range(0, len(elements), BATCH):
        batch = elements[start : start + BATCH]
        blocks = [block for element in batch for block in _blocks(element, styles)]
        yield Piece(blocks, min(1.0, (start + BATCH) / len(elements)), "reading")


def _open(path: Path) -> tuple[Any, dict[str, str]]:
    """The body, and the names of paragraph styles by their ids."""
    import docx
    from docx.opc.exceptions import PackageNotFoundError

    check_package(path)
    try:
        document = docx.Document(str(path))
        names = {style.style_id: str(style.name or "") for style in document.styles}
        return document.element.body, names
    except (PackageNotFoundError, KeyError, ValueError, OSError, SyntaxError, AttributeError) as error:
        # lxml's error of syntax is Python's.
        raise Unreadable("broken", f"The DOCX is damaged: {one_line(str(error))[:200]}") from None


def _elements(parent: Any) -> Iterator[Any]:
    """Paragraphs and tables in their order, those in content controls too."""
    for element in parent:
        if element.tag in (f"{W}p", f"{W}tbl"):
            yield element
        elif element.tag in (f"{W}sdt", f"{W}sdtContent", f"{W}customXml", f"{W}ins", f"{W}smartTag"):
            yield from _elements(element)


def _blocks(element: Any, styles: dict[str, str]) -> Iterator[Block]:
    if element.tag == f"{W}tbl":
        if found := table(_row(row) for row in element.iter(f"{W}tr") if _is_of(row, element)):
            yield found
        return
    text = tidy(_text(element))
    if not text.strip():
        return
    style = _value(element, "pStyle")
    name = styles.get(style, style)
    if level := _level(name, element):
        yield heading(text, level)
    elif "list" in name.lower() or element.find(f"{W}pPr/{W}numPr") is not None:
        yield Block("text", f"{'1.' if 'number' in name.lower() else '-'} {one_line(text)}")
    else:
        yield Block("text", text)


def _is_of(row: Any, outer: Any) -> bool:
    """Whether a row is of this table, not of one inside of its cells."""
    return next(row.iterancestors(f"{W}tbl")) is outer


def _row(row: Any) -> list[str]:
    """Cells by column: one that spans columns or goes on from above leaves the others empty."""
    cells: list[str] = []
    for element in row.iterchildren(f"{W}tc", f"{W}sdt"):
        one = element if element.tag == f"{W}tc" else element.find(f".//{W}tc")
        if one is None:
            continue
        merged = one.find(f"{W}tcPr/{W}vMerge")
        goes_on = merged is not None and merged.get(f"{W}val", "continue") == "continue"
        cells.append("" if goes_on else tidy("\n".join(_text(p) for p in one.iter(f"{W}p"))))
        span = one.find(f"{W}tcPr/{W}gridSpan")
        cells += [""] * (min(_number(span), 64) - 1 if span is not None else 0)
    return cells


def _text(paragraph: Any) -> str:
    """The text of a paragraph with that of its links, its accepted changes and its text boxes."""
    parts: list[str] = []
    for element in paragraph.iter(*TEXTS):
        fixed = TEXTS[element.tag]
        # A text box stands there twice: for new and for old readers. A tab may also be a tab stop of the layout.
        if next(element.iterancestors(FALLBACK), None) is None and element.getparent().tag != f"{W}tabs":
            parts.append(fixed if fixed is not None else element.text or "")
    return "".join(parts)


def _level(name: str, paragraph: Any) -> int:
    found = _HEADING.fullmatch(name)
    if found:
        return int(found[1])
    outline = paragraph.find(f"{W}pPr/{W}outlineLvl")
    if outline is not None and (level := _number(outline)) < 6:
        return level + 1
    return {"title": 1, "subtitle": 2}.get(name.lower(), 0)


def _value(paragraph: Any, name: str) -> str:
    found = paragraph.find(f"{W}pPr/{W}{name}")
    return str(found.get(f"{W}val", "")) if found is not None else ""


def _number(element: Any) -> int:
    text = str(element.get(f"{W}val", ""))
    return int(text) if text.isdecimal() else 9
