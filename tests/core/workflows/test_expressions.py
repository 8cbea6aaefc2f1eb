"""What is asked of a run gives what JSON can hold, and no more than an input may have."""

from __future__ import annotations

import time
from typing import Any

import pytest

from jobsapp.core.workflows.expressions import LARGEST, WrongExpression, ask, references, rendered

SCOPE: dict[str, Any] = {"input": {"text": "x" * 1000, "one": 1}}
DOUBLED = "input" + " | [@, @]" * 40


@pytest.mark.parametrize(
    "expression",
    [DOUBLED, DOUBLED + " | to_string(@)", "input" + " | [@, @] | []" * 40, "input" + " | {a: @, b: @}" * 40],
)
def test_nothing_grows_without_bound(expression: str) -> None:
    began = time.process_time()
    with pytest.raises(WrongExpression, match="more than 4,000,000"):
        ask(expression, SCOPE)
    assert time.process_time() - began < 30


@pytest.mark.parametrize(
    "template",
    ["${{ input.text }}" * 5000, ["${{ input.text }}"] * 5000, ["a ${{ input.text }}"] * 5000],
)
def test_all_references_of_a_template_count_together(template: Any) -> None:
    with pytest.raises(WrongExpression, match=f"{LARGEST:,}"):
        rendered(template, SCOPE)


@pytest.mark.parametrize("text", ["1e999", "nan", "-1e999"])
def test_numbers_that_json_does_not_know_are_refused(text: str) -> None:
    with pytest.raises(WrongExpression, match="no number in JSON"):
        ask("to_number(input)", {"input": text})


def test_a_text_of_many_beginnings_is_read_once() -> None:
    began = time.process_time()
    assert list(references("${{" * 200_000)) == []
    assert list(references("$" * 200_000)) == []
    assert list(references("${{" + " " * 200_000)) == []
    assert time.process_time() - began < 20, "it took hours when each was looked for the end of"


def test_what_is_usual_stays() -> None:
    assert rendered({"a": "${{ input.one }} of ${{ input.one }}", "b": ["${{ input.one }}"]}, SCOPE) == {
        "a": "1 of 1",
        "b": [1],
    }
    assert rendered("$${{ x }}", SCOPE) == "${{ x }}"
