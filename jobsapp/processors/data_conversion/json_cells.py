"""Columns of raw JSON tokens as CSV cells: whole columns at once, in C, as far as their tokens allow."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import msgspec

_text = msgspec.json.Decoder(str).decode
_texts = msgspec.json.Decoder(str | None).decode_lines


class Cells(NamedTuple):
    """`strings`: some of the column's tokens are strings. `others`: some are neither strings nor null."""

    texts: list[bytes]
    strings: bool
    others: bool


Writer = Callable[[Sequence[msgspec.Raw]], Cells]


@cache
def writer(delimiter: str, null_text: str) -> Writer:
    """A function from the tokens of a column to its cells.

    A string becomes its text, quoted only where it must be; the empty string is `""` and null is nothing.
    Numbers, true and false stay the tokens they are, objects and arrays their own JSON text. With a `null_text`
    all but null is quoted, so that nothing else can look like it.
    """
    cell = _one_by_one(delimiter.encode(), null_text.encode())

    def cells(tokens: Sequence[msgspec.Raw]) -> Cells:
        column = b"\n".join(tokens)
        found = None if null_text else _all_at_once(column, len(tokens), delimiter)
        if found is None:
            strings = _starting(column, b'"')
            return Cells([cell(bytes(token)) for token in tokens], strings > 0, _others(column, len(tokens), strings))
        return found

    return cells


def _all_at_once(column: bytes, rows: int, delimiter: str) -> Cells | None:
    """The cells of a column whose tokens are of one sort, or None."""
    if b'"' not in column and not _has_nested(column):
        return Cells(_without_null(column), strings=False, others=_others(column, rows, 0))
    if not _has_nested(column):
        return _strings(column, rows, delimiter)
    starts = column[:1]
    if b"null" in column or column.count(b"\n" + starts) != column.count(b"\n"):
        return None
    return Cells(_quoted(column), strings=False, others=True)


def _starting(column: bytes, start: bytes) -> int:
    """How many tokens start so."""
    return column.startswith(start) + column.count(b"\n" + start)


def _others(column: bytes, rows: int, strings: int) -> bool:
    """Is any of the tokens neither one of the `strings` nor null?"""
    return strings < rows and (b"null" not in column or strings + _starting(column, b"null") < rows)


def _without_null(column: bytes) -> list[bytes]:
    cells = column.split(b"\n")
    return [b"" if cell == b"null" else cell for cell in cells] if b"null" in column else cells


def _strings(column: bytes, rows: int, delimiter: str) -> Cells | None:
    """Strings and, among them, numbers and null."""
    if b"\\" in column:
        texts = _escaped(column, delimiter)
        return None if texts is None else Cells(texts, strings=True, others=False)
    others = _others(column, rows, column.count(b'"') // 2)
    return Cells(_unquoted(column, delimiter), strings=True, others=others)


def _unquoted(column: bytes, delimiter: str) -> list[bytes]:
    mark = delimiter.encode()
    plain = b'""' not in column and mark not in column and b"\r" not in column
    if plain and b"null" not in column:
        return column.replace(b'"', b"").split(b"\n")
    cells = _without_null(column)
    if plain:
        return [cell.strip(b'"') for cell in cells]
    return [
        cell if cell[:1] != b'"' or mark in cell or cell == b'""' or b"\r" in cell else cell[1:-1] for cell in cells
    ]


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
        text, start = token, token[:1]
        if start == b'"':
            if null and b"\\" not in token:
                return token
            text = _text(token).encode()
        if null or not text or start in (b"{", b"[") or any(mark in text for mark in special):
            return b'"' + text.replace(b'"', b'""') + b'"'
        return text

    return cell
