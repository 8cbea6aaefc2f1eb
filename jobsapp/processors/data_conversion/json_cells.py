"""Columns of raw JSON tokens as CSV cells: whole columns at once, in C, as far as their tokens allow."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache

import msgspec

_text = msgspec.json.Decoder(str).decode
_texts = msgspec.json.Decoder(str | None).decode_lines

Cells = Callable[[Sequence[msgspec.Raw]], list[bytes]]


@cache
def writer(delimiter: str, null_text: str) -> Cells:
    """A function from the tokens of a column to its cells.

    A string becomes its text, quoted only where it must be; the empty string is `""` and null is nothing.
    Numbers, true and false stay the tokens they are, objects and arrays their own JSON text. With a `null_text`
    all but null is quoted, so that nothing else can look like it.
    """
    cell = _one_by_one(delimiter.encode(), null_text.encode())

    def cells(tokens: Sequence[msgspec.Raw]) -> list[bytes]:
        column = b"\n".join(tokens)
        found = None if null_text else _all_at_once(column, delimiter)
        if found is None:
            return [cell(bytes(token)) for token in tokens]
        return found

    return cells


def _all_at_once(column: bytes, delimiter: str) -> list[bytes] | None:
    """The cells of a column whose tokens are of one sort, or None."""
    if b'"' not in column and not _has_nested(column):
        return _without_null(column)
    if not _has_nested(column):
        return _strings(column, delimiter)
    starts = column[:1]
    if b"null" in column or column.count(b"\n" + starts) != column.count(b"\n"):
        return None
    return _quoted(column)


def _without_null(column: bytes) -> list[bytes]:
    cells = column.split(b"\n")
    return [b"" if cell == b"null" else cell for cell in cells] if b"null" in column else cells


def _strings(column: bytes, delimiter: str) -> list[bytes] | None:
    """Strings and, among them, numbers and null."""
    if b"\\" in column:
        return _escaped(column, delimiter)
    cells = column.split(b"\n")
    if b"null" in column:
        cells = [b"" if cell == b"null" else cell for cell in cells]
    mark = delimiter.encode()
    if b'""' in column or mark in column or b"\r" in column:
        return [
            cell if cell[:1] != b'"' or mark in cell or cell == b'""' or b"\r" in cell else cell[1:-1] for cell in cells
        ]
    return [cell.strip(b'"') for cell in cells] if b"null" in column else column.replace(b'"', b"").split(b"\n")


def _escaped(column: bytes, delimiter: str) -> list[bytes] | None:
    try:
        texts = _texts(column)
    except msgspec.DecodeError:
        return None
    needs_quotes = re.compile(f'["\r\n{re.escape(delimiter)}]').search
    return [
        b""
        if text is None
        else (('"' + text.replace('"', '""') + '"') if not text or needs_quotes(text) else text).encode()
        for text in texts
    ]


def _quoted(column: bytes) -> list[bytes]:
    doubled = column.replace(b'"', b'""').replace(b"\n", b'"\n"')
    return (b'"' + doubled + b'"').split(b"\n")


def _has_nested(column: bytes) -> bool:
    return column[:1] in (b"{", b"[") or b"\n{" in column or b"\n[" in column


def _one_by_one(delimiter: bytes, null: bytes) -> Callable[[bytes], bytes]:
    special = (b'"', b"\n", b"\r", delimiter)

    def cell(token: bytes) -> bytes:
        if token == b"null":
            return null
        text = _text(token).encode() if token[:1] == b'"' else token
        if null or not text or token[:1] in (b"{", b"[") or any(mark in text for mark in special):
            return b'"' + text.replace(b'"', b'""') + b'"'
        return text

    return cell
