"""What a text looks like to an index that knows words in small letters: all that matches, and maybe more."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

from jobsapp.core.filters import cases

INDEXED = 3
"""So many letters or digits in a row the index needs to be of help."""
# Which small letter these are depends on where they stand in a word.
BY_PLACE = frozenset("Σσς")
SPECIAL = frozenset("%_\\")


def letters(text: str) -> set[str]:
    """Of which characters the index's small letters must be known to ask for the text."""
    return set().union(*(cases(character) for character in text))


def likely(text: str, small: Mapping[str, str]) -> str | None:
    """The text as a pattern of LIKE for what the index has. None: the index is of no help.

    `small`: the small letters of `letters(text)`, as the database makes them. What is not one and the same small letter
    in all its cases may be anything.
    """
    parts = ["%" if (one := _small(character, small)) is None else one for character in text]
    return f"%{''.join(_escaped(parts))}%" if _longest(parts) >= INDEXED else None


def _small(character: str, small: Mapping[str, str]) -> str | None:
    found = {small[one] for one in cases(character)}
    if len(found) > 1 or character in BY_PLACE or unicodedata.combining(character):
        return None
    (one,) = found
    return one if len(one) == 1 else None


def _escaped(parts: Iterable[str]) -> Iterable[str]:
    for one in parts:
        # A percent sign that somebody looks for may as well be anything.
        yield f"\\{one}" if one in SPECIAL and one != "%" else one


def _longest(parts: Iterable[str]) -> int:
    longest = length = 0
    for one in parts:
        length = length + 1 if one.isalnum() else 0
        longest = max(longest, length)
    return longest
