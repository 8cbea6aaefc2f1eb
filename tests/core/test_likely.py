"""What an index is asked for a text: never less than what matches."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsapp.core.filters import JobFilter
from jobsapp.core.likely import letters, likely

ALPHABET = "aAbBzZ019 _%.*\\-\näÄßſKKİıςσΣдД中e\u0301"
TEXTS = st.text(st.sampled_from(ALPHABET), max_size=8)
SMALL = {one: one.lower() for one in map(chr, range(0x3000))}
SMALL_IN_TURKEY = SMALL | {"I": "ı", "İ": "i"}
SMALL_IN_C = {one: one.lower() if one.isascii() else one for one in map(chr, range(0x3000))}


def is_like(text: str, pattern: str) -> bool:
    """LIKE, of what we write."""
    parts = re.findall(r"\\.|%|[^%\\]", pattern, re.DOTALL)
    return bool(re.fullmatch("".join(".*" if one == "%" else re.escape(one[-1]) for one in parts), text, re.DOTALL))


@pytest.mark.parametrize("small", [SMALL, SMALL_IN_TURKEY, SMALL_IN_C], ids=["unicode", "turkey", "c"])
@given(before=TEXTS, text=st.text(st.sampled_from(ALPHABET), min_size=1, max_size=6), after=TEXTS, loud=st.booleans())
def test_what_matches_is_likely(small: dict[str, str], before: str, text: str, after: str, loud: bool) -> None:
    small = small | {"中": "中"}
    said = text.upper() if loud else text
    name = before + said + after
    pattern = likely(text, {one: small.get(one, one) for one in letters(text)})
    if pattern is not None and re.search(JobFilter(text=text).pattern or "", name, re.DOTALL):
        assert is_like("".join(small.get(one, one) for one in name), pattern)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("Needle", "%needle%"),
        ("Zwei  Wörter", "%zwei  wörter%"),
        ("100%", "%100%%"),
        ("a_b_cde", "%a\\_b\\_cde%"),
        ("ΟΔΟΣ", "%οδο%%"),
        ("ſet men", "%%et men%"),
        ("Дата", "%дата%"),
        ("ab", None),
        ("a.b.c", None),
        ("", None),
    ],
)
def test_what_the_index_is_asked(text: str, pattern: str | None) -> None:
    assert likely(text, {one: one.lower() for one in letters(text)}) == pattern
