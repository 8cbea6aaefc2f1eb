"""The beginnings of the files that a job made: pictures, rows of tables, lines of text. Never more than a few pages."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobsapp.core.sniff import HEAD_BYTES as SNIFFED
from jobsapp.core.sniff import sniffed
from jobsapp.models import StoredFile

FILES = 24
HEAD_BYTES = 65_536
ROWS, COLUMNS = 8, 30
CELL, TEXT = 200, 4_000
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"})
PICTURE_BYTES = 5_000_000
LINES_OF_JSON = (".jsonl", ".ndjson")
# No line of text has these, but for the few that stand for white space.
BINARY = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]")


@dataclass(frozen=True)
class Preview:
    """What is shown of a file: a picture, or a table, or text. `whole` False: there is more of it."""

    file: StoredFile
    picture: bool = False
    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    text: str = ""
    whole: bool = True


def previews_of(files: Iterable[tuple[StoredFile, Path]]) -> list[Preview]:
    """Of the first files those of which something can be shown; of the same picture in two formats the first."""
    shown: list[Preview] = []
    pictures: set[str] = set()
    for file, path in list(files)[:FILES]:
        found = _preview(file, path)
        stem = file.name.rpartition(".")[0]
        if found is None or (found.picture and stem in pictures):
            continue
        if found.picture:
            pictures.add(stem)
        shown.append(found)
    return shown


def _preview(file: StoredFile, path: Path) -> Preview | None:
    if file.media_type in PICTURES:
        fits = file.size <= PICTURE_BYTES and sniffed(_bytes(path)[:SNIFFED]) == file.media_type
        return Preview(file, picture=True) if fits else None
    head = _head(path)
    if not head.strip() or BINARY.search(head):
        return None
    whole = file.size <= HEAD_BYTES
    # What was cut in the middle of a line is not shown as if it were one.
    lines = head if whole else head[: head.rfind("\n") + 1]
    name = file.name.lower()
    if name.endswith((".csv", ".tsv")):
        return _table(file, _separated(lines, "\t" if name.endswith(".tsv") else ","), whole)
    if name.endswith(LINES_OF_JSON):
        return _table(file, _records(lines), whole)
    if name.endswith((".txt", ".md", ".json", ".log")):
        return Preview(file, text=head[:TEXT], whole=whole and len(head) <= TEXT)
    return None


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as source:
            return source.read(HEAD_BYTES)
    except OSError:
        return b""


def _head(path: Path) -> str:
    data = _bytes(path)
    text = data.decode("utf-8-sig", errors="replace")
    # A character that was cut in two is no sign of a binary file.
    return text.rstrip("\ufffd") if len(data) == HEAD_BYTES else text


def _separated(text: str, delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append(row)
            if len(rows) > ROWS + 1:
                break
    except csv.Error:
        return []
    return rows


def _records(text: str) -> list[list[str]]:
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            return []
        found.append(record if isinstance(record, dict) else {"value": record})
        if len(found) > ROWS:
            break
    columns = list(dict.fromkeys(key for record in found for key in record))
    return [columns, *([_cell(record.get(column, "")) for column in columns] for record in found)]


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _table(file: StoredFile, rows: list[list[str]], whole: bool) -> Preview | None:
    if not rows:
        return None
    columns, body = rows[0][:COLUMNS], rows[1 : ROWS + 1]
    cut = [[cell if len(cell) <= CELL else f"{cell[:CELL]}…" for cell in row[:COLUMNS]] for row in body]
    return Preview(file, columns=columns, rows=cut, whole=whole and len(rows) <= ROWS + 1)
