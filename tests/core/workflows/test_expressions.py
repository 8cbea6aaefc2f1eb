"""What is asked of a run gives what JSON can hold, and no more than an input may have."""

from __future__ import annotations

from typing import Any

import pytest

from jobsapp.core.workflows import expressions
from jobsapp.core.workflows.expressions import LARGEST, WrongExpression, ask, references, rendered

SCOPE: dict[str, Any] = {"input": {"text": "x" * 1000, "one": 1}}
DOUBLED = "input" + " | [@, @]" * 40


@pytest.mark.parametrize(
    "expression",
    [DOUBLED, DOUBLED + " | to_string(@)", "input" + " | [@, @] | []" * 40, "input" + " | {a: @, b: @}" * 40],
)
def test_nothing_grows_without_bound(expression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is made on the way is measured as it is made: together it is as much as a few results at their bound."""
    made: list[int] = []
    measured = expressions.measured

    def counted(value: Any, left: int = LARGEST) -> int:
        made.append(LARGEST)
        rest = measured(value, left)
        made[-1] = left - rest
        return rest

    monkeypatch.setattr(expressions, "measured", counted)
    with pytest.raises(WrongExpression, match="more than 4,000,000"):
        ask(expression, SCOPE)
    assert LARGEST <= sum(made) < 4 * LARGEST


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


@pytest.mark.parametrize("expression", ["&input", "[&input]", "{a: &input}", "input.one && &input"])
def test_an_expression_is_no_value(expression: str) -> None:
    with pytest.raises(WrongExpression, match="an expression"):
        rendered({"a": "${{ " + expression + " }}"}, SCOPE)


def test_the_end_of_a_reference_is_looked_for_along_2000_characters_and_not_past_the_next_beginning() -> None:
    """So a text of many beginnings costs 2,000 steps for each, and not all that follows it."""
    longest = "x" * 2000
    assert list(references(f"a ${{{{{longest}}}}}")) == [("", longest)]
    assert list(references(f"a ${{{{{longest}x}}}}")) == []
    assert list(references("${{ a ${{ b }} c }}")) == [("", " b ")]
    assert list(references("${{" * 200_000)) == []


def test_what_is_usual_stays() -> None:
    assert rendered({"a": "${{ input.one }} of ${{ input.one }}", "b": ["${{ input.one }}"]}, SCOPE) == {
        "a": "1 of 1",
        "b": [1],
    }
    assert rendered("$${{ x }}", SCOPE) == "${{ x }}"
