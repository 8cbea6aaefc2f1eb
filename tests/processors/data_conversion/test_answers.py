"""What a model wrote: read, and checked against its row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsapp.processors.data_conversion.examples.asking import pairs
from jobsapp.processors.data_conversion.examples.grounding import invented


@pytest.mark.parametrize(
    ("answer", "row", "wrong"),
    [
        ("It costs 39.9 and weighs 1,200 g.", ["39.90", "1200"], []),
        ("It costs 39,90 Euro.", ["39.90"], []),
        ("Made on 3/12/2024.", ["2024-12-03"], []),
        ("It costs 40.", ["39.90"], ["40"]),
        ("Between 5 and 7.", ["5"], ["7"]),
        ('It is called "Big  Kettle".', ["big kettle"], []),
        ('It is called "Small Kettle".', ["Big Kettle"], ["Small Kettle"]),
        ("No number at all.", [], []),
        ('Class "B".', ["Class A"], ["B"]),
        ("Sie heißt „Kanne“, nicht „Krug“.", ["Kanne"], ["Krug"]),
        ("»Tee« oder «Kaffee».", ["Tee"], ["Kaffee"]),
        (f'It says "{"so " * 90}".', ["so"], ["so " * 90]),
    ],
)
def test_what_counts_as_invented(answer: str, row: list[str], wrong: list[str]) -> None:
    assert invented(answer, row) == wrong


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_number_of_the_row_is_never_invented_and_another_always(one: int, other: int) -> None:
    for text in (f"{one}", f"{one:,}", f"{one}.00"):
        assert invented(f"It is {text}.", [str(one)]) == []
    assert bool(invented(f"It is {other}.", [str(one)])) == (one != other)


@given(st.text(), st.text())
def test_what_is_quoted_from_the_row_is_never_invented(before: str, after: str) -> None:
    assert invented('It says "green tea".', [f"{before}Green Tea{after}"]) == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "null", '{"examples": 3}', '{"examples": [{"question": ""}]}', "][", "}{"]
)
def test_what_is_no_answer_gives_no_pairs(text: str) -> None:
    assert pairs(text) == []


@given(st.text())
def test_reading_an_answer_never_fails(text: str) -> None:
    assert isinstance(pairs(text), list)


def test_a_list_and_a_single_pair_are_understood() -> None:
    one = '{"question": "a", "answer": "b"}'
    assert len(pairs(f"[{one}, {one}]")) == 2
    assert len(pairs(f"Sure: {one} Good luck!")) == 1
