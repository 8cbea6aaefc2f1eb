"""Rows become examples by a template."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from jobsapp.processors.data_conversion import DataConversion
from jobsapp.processors.sdk import Permanent
from jobsapp.processors.testing import Run
from tests.processors.data_conversion.examples import chat, lines


def test_a_template_makes_several_examples_of_each_row(make: Callable[..., Run]) -> None:
    done = make(
        mode="template",
        user="What is the {{name}}'s price?\n---\nTell me of the {{name}}.",
        assistant="{{price}}.\n---\nIt is {{ note }}.",
    )
    assert lines(done.artifacts["train.jsonl"]) == [
        chat("What is the kettle's price?", "39.90."),
        chat("Tell me of the kettle.", "It is red."),
        chat("What is the mug's price?", "4.50."),
        chat("What is the pan's price?", "25.00."),
        chat("Tell me of the pan.", "It is flat, wide."),
    ]
    assert (done.result["rows"], done.result["leftOut"]) == (3, 1)
    assert done.progress[-1].percentage == 100


def test_a_place_inside_a_value_stays_as_it_is(make: Callable[..., Run]) -> None:
    done = make("a,b\n{{b}},secret\n", mode="template", user="{{a}}?", assistant="Yes.")
    assert lines(done.artifacts["train.jsonl"]) == [chat("{{b}}?", "Yes.")]


def test_completions_with_a_system_text_and_a_validation_split(make: Callable[..., Run]) -> None:
    table = "n\n" + "".join(f"{n}\n" for n in range(50))
    options = {"mode": "template", "user": "{{n}}?", "assistant": "{{n}}!", "shape": "completion", "system": "Count."}
    done = make(table, **options, validationShare=0.2, seed=3)
    train, kept_back = lines(done.artifacts["train.jsonl"]), lines(done.artifacts["validation.jsonl"])
    assert len(kept_back) == 10
    assert sorted(int(one["completion"][:-1]) for one in train + kept_back) == list(range(50))
    assert train[0]["prompt"].startswith("Count.\n\n")
    again = make(table, **options, validationShare=0.2, seed=3)
    assert lines(again.artifacts["validation.jsonl"]) == kept_back


def test_the_same_example_is_written_once(make: Callable[..., Run]) -> None:
    done = make("a\nx\nX\ny\n", mode="template", user="{{a}}?", assistant="{{a}}!")
    assert (done.result["examples"], done.result["duplicates"]) == (2, 1)


def test_every_format_that_can_be_read(make: Callable[..., Run]) -> None:
    table = json.dumps([{"a": 1.50, "b": {"c": [1]}}, {"a": None, "b": "x"}])
    done = make(table, name="t.json", mode="template", user="{{a}}?", assistant="{{b}}")
    assert [one["messages"][1]["content"] for one in lines(done.artifacts["train.jsonl"])] == ['{"c": [1]}']


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"user": "{{nam}}?", "assistant": "x"}, "user: there is no column 'nam'; the table has name, price, note"),
        ({"user": "x", "assistant": "{{cost}}"}, "assistant: there is no column 'cost'"),
    ],
)
def test_an_unknown_column_is_refused_before_anything_is_made(
    make: Callable[..., Run], options: dict[str, str], words: str
) -> None:
    with pytest.raises(Permanent, match=words):
        make(mode="template", **options)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"targetFormat": "csv", "options": {"mode": "smart"}}, "targetFormat"),
        ({"targetFormat": "jsonl", "compression": "gzip", "options": {"mode": "smart"}}, "compression"),
        ({"targetFormat": "jsonl", "options": {"mode": "template", "assistant": "x"}}, "user"),
        (
            {"targetFormat": "jsonl", "options": {"mode": "template", "user": "a\n---\nb", "assistant": "x"}},
            "1 answers",
        ),
    ],
)
def test_options_that_do_not_agree_are_refused(data: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DataConversion.Input.model_validate({"source": "01a20b66-7f67-76d0-a19f-eb2318fb6b65", **data})
