"""HTML: headings, paragraphs, lists, code and tables in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .blocks import Block, Facts, Piece, Unreadable, Wanted, heading, one_line, table, tidy
from .from_text import decode
from .office import MIB

# The tree of a page takes some twenty times its text in memory.
LARGEST = 32 * MIB
BATCH = 200
HIDDEN = {"script", "style", "noscript", "template", "svg", "head", "iframe", "object", "select", "textarea"}
HEADINGS = {f"h{level}": level for level in range(1, 7)}
APART = {"p", "div", "section", "article", "main", "header", "footer", "nav", "aside", "ul", "ol", "li", "dl", "dt"}
APART |= {"dd", "blockquote", "figure", "figcaption", "form", "fieldset", "address", "details", "summary", "hr", "body"}
APART |= {"center", "tr", "td", "th", "caption", "tbody", "thead", "tfoot"}
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.I)


def read_html(path: Path, wanted: Wanted, _facts: Facts) -> Iterator[Piece]:
    """A piece for every 200 blocks. Raises `Unreadable`."""
    size = path.stat().st_size
    if size > LARGEST:
        raise Unreadable("too-large", f"HTML is read up to {LARGEST // MIB} MiB; this has {size // MIB:,}. Split it.")
    data = path.read_bytes()
    text = decode(data, _encoding(data, wanted.encoding))
    blocks: list[Block] = []
    for block in html_blocks(text):
        blocks.append(block)
        if len(blocks) >= BATCH:
            yield Piece(blocks, 0.5, "reading")
            blocks = []
    yield Piece(blocks, 1.0, "reading")


def _encoding(data: bytes, chosen: str) -> str:
    """What was chosen, or what the page says of itself in its first kilobytes."""
    found = _CHARSET.search(data[:4096])
    if chosen != "auto" or found is None or data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return chosen
    name = found[1].decode("ascii").lower()
    try:
        "".encode(name)
    except LookupError:
        return chosen
    # As browsers do.
    return {"iso-8859-1": "windows-1252", "us-ascii": "windows-1252", "utf-16": "auto"}.get(name, name)


def html_blocks(text: str) -> Iterator[Block]:
    """The blocks of a page, in its order."""
    from selectolax.lexbor import LexborHTMLParser

    # Where a stack is used below recursion would end with the first page that is nested deeply.
    tree = LexborHTMLParser(text)
    title = tree.css_first("head > title")
    if title is not None and tree.css_first("h1") is None and one_line(title.text()):
        yield heading(title.text(), 1)
    if tree.body is not None:
        yield from _Walk(tree.body).blocks()


class _Walk:
    """Goes through the nodes in the order of the page and collects the text between what stands apart."""

    def __init__(self, body: Any) -> None:
        self._body = body
        self._text: list[str] = []
        self._prefix = ""

    def blocks(self) -> Iterator[Block]:
        # A node to enter, or the name of one that is left.
        stack: list[Any] = [self._body]
        while stack:
            node = stack.pop()
            if isinstance(node, str):
                yield from self._leave(node)
                continue
            if node is not self._body and node.next is not None:
                stack.append(node.next)
            if node.is_text_node:
                self._text.append(node.text_content or "")
            elif node.is_element_node and node.tag not in HIDDEN:
                yield from self._enter(node, stack)
        yield from self._flush()

    def _enter(self, node: Any, stack: list[Any]) -> Iterator[Block]:
        tag = node.tag
        if tag == "br":
            self._text.append("\v")
        elif tag == "pre":
            yield from self._flush()
            if code := tidy(node.text(deep=True)):
                yield Block("text", f"```\n{code}\n```")
        elif tag in HEADINGS:
            yield from self._flush()
            if one_line(node.text(deep=True)):
                yield heading(_inner(node), HEADINGS[tag])
        elif tag == "table" and _is_data(node):
            yield from self._flush()
            if (made := table(_rows(node))) is not None:
                yield made
        else:
            if tag in APART:
                yield from self._flush()
                stack.append(tag)
            if tag == "li":
                self._prefix = "- "
            if node.first_child is not None:
                stack.append(node.first_child)

    def _leave(self, tag: str) -> Iterator[Block]:
        yield from self._flush()
        if tag == "li":
            self._prefix = ""

    def _flush(self) -> Iterator[Block]:
        lines = [one_line(line) for line in "".join(self._text).split("\v")]
        self._text = []
        if text := tidy("\n".join(line for line in lines if line)):
            yield Block("text", self._prefix + text)
            self._prefix = ""


def _inner(node: Any) -> str:
    return " ".join(str(node.text(deep=True, separator=" ")).split())


def _is_data(node: Any) -> bool:
    """Whether a table holds data: one with tables or headings in it is only the layout of the page."""
    return node.css_first("td table, td h1, td h2, td h3") is None and node.css_first("tr") is not None


def _rows(node: Any) -> list[list[str]]:
    rows = []
    for row in node.css("tr"):
        cells: list[str] = []
        for one in row.css("td, th"):
            cells.append(_inner(one))
            span = str(one.attributes.get("colspan") or "1")
            cells += [""] * (min(int(span), 64) - 1 if span.isdecimal() and len(span) < 4 else 0)
        rows.append(cells)
    return [row for row in rows if row]
