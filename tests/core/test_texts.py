"""Encodings and delimiters as people name them."""

from __future__ import annotations

import pytest

from jobsapp.core.texts import known_encoding, known_encoding_or_auto, one_delimiter


def test_names_are_told_apart() -> None:
    assert known_encoding(" UTF-8 ") == "utf-8"
    assert known_encoding_or_auto("Auto") == "auto"
    assert [one_delimiter(one) for one in (None, "", ";", "tab", "\\t", "\t")] == [None, None, ";", "\t", "\t", "\t"]


@pytest.mark.parametrize(
    ("check", "value", "words"),
    [
        (known_encoding, "auto", "'auto' is not an encoding; try utf-8"),
        (known_encoding_or_auto, "utf-99", "'utf-99' is not an encoding; try utf-8"),
        (known_encoding_or_auto, "base64", "'base64' does not turn bytes into text"),
        (one_delimiter, ";;", "give one character"),
        (one_delimiter, "\n", "give one character"),
        (one_delimiter, '"', "give one character"),
    ],
)
def test_what_is_none_is_refused(check, value: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check(value)
