"""Questions and what is found: what a question asks for, how two orders become one, what of a text is shown."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")
# Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet", SIGIR 2009.
RANK_CONSTANT = 60
EXCERPT = 320

_SPECIAL = re.compile(r'(?<!\S)(-?)"([^"]+)"|(?<!\S)-(\w\S*)')
# Marks of a heading, the line under a table's head, and what begins and ends a row.
_MARKDOWN = re.compile(r"^(?:#{1,6} |\|(?: ?:?-+:? ?\|)+$|\| )|\|$", re.MULTILINE)
_WORD = re.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True)
class Question:
    """`text` is what it is about; each of `phrases` has to occur word by word, none of `excluded` may."""

    text: str
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


def parse(typed: str) -> Question:
    """`lost "two phase" -oracle`: words in quotation marks have to occur so, those after a minus must not."""
    phrases: list[str] = []
    excluded: list[str] = []
    for minus, quoted, word in _SPECIAL.findall(typed):
        (excluded if minus or word else phrases).append(quoted or word)
    text = _SPECIAL.sub(lambda match: "" if match[1] or match[3] else match[2], typed)
    return Question(" ".join(text.replace('"', " ").split()), tuple(phrases), tuple(excluded))


def fuse(orders: Iterable[Sequence[T]]) -> dict[T, float]:
    """What stands in several orders, the best first: by the sum of 1 / (60 + place), with that sum."""
    scores: dict[T, float] = {}
    for order in orders:
        for place, one in enumerate(order, 1):
            scores[one] = scores.get(one, 0.0) + 1 / (RANK_CONSTANT + place)
    return dict(sorted(scores.items(), key=lambda pair: -pair[1]))


@dataclass(frozen=True)
class Excerpt:
    """Some of a text, with where in it the marked words stand: from, to."""

    text: str
    marks: tuple[tuple[int, int], ...]


def pieces(text: str, marks: Iterable[tuple[int, int]]) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is marked."""
    edges = pairwise([0, *(edge for mark in marks for edge in mark), len(text)])
    return [(text[start:end], bool(number % 2)) for number, (start, end) in enumerate(edges) if start < end]


def words_of(text: str) -> set[str]:
    return set(_WORD.findall(text))


def excerpt(text: str, marked: Collection[str], length: int = EXCERPT) -> Excerpt:
    """About `length` characters of a Markdown text, with as many different marked words as such a piece can have.

    What makes headings and tables is left out.
    """
    text = " ".join(_MARKDOWN.sub(" ", text).split())
    found = [match for match in _WORD.finditer(text) if match[0] in marked]
    start = _best_start([(match.start(), match[0].casefold()) for match in found], length)
    begin, end = _edges(text, start, length)
    before, after = "… " if begin else "", " …" if end < len(text) else ""
    shift = len(before) - begin
    marks = tuple((m.start() + shift, m.end() + shift) for m in found if m.start() >= begin and m.end() <= end)
    return Excerpt(before + text[begin:end] + after, marks)


def _best_start(found: Sequence[tuple[int, str]], length: int) -> int:
    best, most = 0, 0
    for at, _ in found:
        inside = len({word for place, word in found if at <= place < at + length * 3 // 4})
        if inside > most:
            best, most = at, inside
    return best


def _edges(text: str, start: int, length: int) -> tuple[int, int]:
    """From the end of a word before `start` to the end of a word; a text that is little longer stays whole."""
    if len(text) <= length * 5 // 4:
        return 0, len(text)
    begin = max(0, min(start - length // 4, len(text) - length))
    begin = text.rfind(" ", 0, begin) + 1 if begin else 0
    end = text.find(" ", begin + length)
    return begin, end if end >= 0 else len(text)
