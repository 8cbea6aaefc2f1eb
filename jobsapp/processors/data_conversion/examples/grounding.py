"""Is an answer true to its row? What a model may not invent are numbers and what it puts into quotes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# A number with its inner marks (1,234.50; 2024-05-01; 12:30), without what ends the sentence.
NUMBER = re.compile(r"\d+(?:[.,:/\-]\d+)*")
# Not the single ones: an apostrophe looks like them.
QUOTED = re.compile(r'"([^"\n]+)"|“([^“”\n]+)”|„([^“”\n]+)[“”]|«([^»\n]+)»|»([^«\n]+)«|「([^」\n]+)」')
MARKS = re.compile(r"[.,:/\-]")


def invented(answer: str, sources: Iterable[str]) -> list[str]:
    """The numbers and quoted texts of `answer` that occur in none of the sources.

    1,234.50 is found in 1234.5: thousands' marks and zeros at the end of a fraction do not count.
    """
    known = list(sources)
    numbers = {form for text in known for number in NUMBER.findall(text) for form in _forms(number)}
    text = _plain(" ".join(known))
    missing = [number for number in NUMBER.findall(answer) if not _forms(number) & numbers]
    quotes = [next(filter(None, found)) for found in QUOTED.findall(answer)]
    return missing + [quote for quote in quotes if _plain(quote) not in text]


def _forms(number: str) -> set[str]:
    """The ways in which the same number may be written: as it is, without thousands' marks, its parts as a date."""
    forms = {number}
    for decimal, thousands in ((".", ","), (",", ".")):
        whole, mark, fraction = number.replace(thousands, "").partition(decimal)
        if whole.isdigit() and (not mark or fraction.isdigit()):
            fraction = fraction.rstrip("0")
            forms.add(f"{whole.lstrip('0') or '0'}.{fraction}" if fraction else whole.lstrip("0") or "0")
    pieces = MARKS.split(number)
    if len(pieces) > 2:
        forms.add(" ".join(sorted(piece.lstrip("0") or "0" for piece in pieces)))
    return forms


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
