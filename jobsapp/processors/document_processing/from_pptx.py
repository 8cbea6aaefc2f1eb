"""PPTX: slide by slide, titles as headings, bullets, tables, groups and speaker's notes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .blocks import Block, Facts, Piece, Unreadable, Wanted, heading, one_line, table, tidy
from .office import check_package


def read_pptx(path: Path, wanted: Wanted, facts: Facts) -> Iterator[Piece]:
    """One piece a slide. Raises `Unreadable`."""
    slides = _open(path)
    total = facts.pages = len(slides)
    last = min(total, wanted.max_pages or total)
    if last < total:
        facts.notes.append(f"Slides {last + 1:,} to {total:,} were left out.")
    for number in range(1, last + 1):
        yield Piece(list(_slide(slides[number - 1], number)), number / last, f"slide {number:,} of {last:,}")


def _open(path: Path) -> Any:
    import pptx
    from pptx.exc import PackageNotFoundError

    check_package(path)
    try:
        return pptx.Presentation(str(path)).slides
    except (PackageNotFoundError, KeyError, ValueError, OSError, SyntaxError, AttributeError) as error:
        raise Unreadable("broken", f"The PPTX is damaged: {one_line(str(error))[:200]}") from None


def _slide(slide: Any, number: int) -> Iterator[Block]:
    title = slide.shapes.title
    name = one_line(title.text_frame.text) if title is not None else ""
    yield heading(name or f"Slide {number}", 2, number)
    for shape in _shapes(slide.shapes):
        if title is None or shape.shape_id != title.shape_id:
            yield from _shape(shape, number)
    if slide.has_notes_slide and (frame := slide.notes_slide.notes_text_frame) is not None and frame.text.strip():
        yield Block("text", "> Notes: " + "\n> ".join(tidy(frame.text).splitlines()), page=number)


def _shapes(shapes: Any) -> Iterator[Any]:
    for shape in shapes:
        # A group; its members are shapes again.
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes)
        else:
            yield shape


def _shape(shape: Any, number: int) -> Iterator[Block]:
    if getattr(shape, "has_table", False):
        rows = ([one.text for one in row.cells] for row in shape.table.rows)
        if found := table(rows, number):
            yield found
    elif shape.has_text_frame:
        lines = [_paragraph(paragraph, shape.is_placeholder) for paragraph in shape.text_frame.paragraphs]
        if text := "\n".join(line for line in lines if line):
            yield Block("text", text, page=number)


def _paragraph(paragraph: Any, is_list: bool) -> str:
    text = one_line(tidy("".join("\n" if char == "\v" else char for char in paragraph.text)))
    return f"{'  ' * paragraph.level}- {text}" if text and (is_list or paragraph.level) else text
