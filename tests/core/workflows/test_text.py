"""The text of a definition gives what JSON can hold, or one sentence that names the place; never anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsapp.core.storable import faults
from jobsapp.core.workflows import Definition, read
from jobsapp.core.workflows.text import parse, written
from jobsapp.errors import InvalidInput

PIECES = (
    *(
        "steps:",
        "\n  ",
        "\n",
        " ",
        "a: ",
        "b: ",
        "- ",
        "? ",
        ": ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&x ",
        "*x",
        "!!int ",
        "!x ",
    ),
    *("type: echo", "input: ", "needs: ", "waitFor: ", "seconds: ", "9" * 400, "1e999", "0x1F", "1:30", "~", "<<: "),
    *('"', "'", "\\u0000", "\\ud800", "\\U00110000", "\0", "\x85", "#", "|", ">", "%YAML 1.1", "---", "...", "\t", "é"),
    *("forEach: ", "width: ", "-1", ".inf", "when: ", "compensate: ", "approval: ", "fields: ", "${{ input.a }}"),
)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("? [a]\n: 1", "line 1, column 3: a key must be a text"),
        ("a:\n  ? {b: 1}\n  : 2", "line 2, column 5: a key must be a text"),
        ("a: &x [1]\nb: *x", "line 2, column 4: aliases"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: 'a' stands twice"),
        ("1: a\n'1': b", "line 2, column 1: '1' stands twice"),
        ('{"a": 1,\n "a": 2}', "line 2, column 2: 'a' stands twice"),
        ("b: {<<: {a: 1}}", "line 1, column 5: merging"),
        ("a: " + "9" * 5000, "line 1, column 4: is too large a number"),
        ("a: 1e999", "line 1, column 4: is too large a number"),
        ('{"a": 1e999}', "line 1, column 7: is too large a number"),
        ("a: !!timestamp soon", "line 1, column 4: tags"),
        ("a: !!binary x", "line 1, column 4: tags"),
        ("a: !!bool maybe", "line 1, column 4: tags"),
        ("!!set {a}", "line 1, column 1: tags"),
        ('a: "\\U00110000"', "line 1, column 7: cannot be read"),
        ('a: "\\ud800"', "line 1, column 4: a character that cannot be kept"),
        ('{"a": "\\u0000"}', "line 1, column 7: a character that cannot be kept"),
        ("a: 1\nb: \x01", "line 2, column 4: a character that cannot be kept"),
        ("[" * 5000, "line 1, column 52: is nested more than 50 levels deep"),
        ('{"a":' * 60 + "1" + "}" * 60, "is nested more than 50 levels deep"),
        ("a: 1\n  b: 2", "line 2, column 4: mapping values"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_place(text: str, place: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    assert place in caught.value.detail


def test_texts_stay_texts() -> None:
    surprising = {"a": "yes", "b": "012", "c": "1:30", "d": "1_000", "e": "2026-11-30", "f": "0x1F", "g": ".inf"}
    assert parse("\n".join(f"{key}: {value}" for key, value in surprising.items())) == surprising
    assert parse('{\n\t"a": 1e5, "b": "\\ud83d\\ude00"}') == {"a": 1e5, "b": "😀"}


SPELLED = ("1e5", "010", "<<", "=", "~", "on", "1:30", "*x", "2026-11-30", "- a", "# b", "a\x85b", "\u2028", "a\r\nb")
NUMBERS = st.integers(-(10**18) + 1, 10**18 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text() | st.sampled_from(SPELLED),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("<<"), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES.filter(lambda value: not [*faults(value)]))
def test_what_is_written_is_read_again(value: Any) -> None:
    assert parse(written({"a": value})) == {"a": value}
    assert parse(json.dumps({"a": value})) == {"a": value}


@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_text_is_a_definition_or_a_fault(text: str) -> None:
    try:
        value = parse(text)
        json.dumps(value, allow_nan=False).encode()
        found = read(value)
    except InvalidInput:
        return
    assert isinstance(found, Definition)
    assert [*faults(found.as_json())] == []
