"""What is known to be wrong before a workflow starts, and where."""

from __future__ import annotations

from typing import Any

import pytest

from jobsapp.core.workflows import check, parse, read
from jobsapp.core.workflows.expressions import names, rendered
from jobsapp.core.workflows.text import written
from jobsapp.errors import FieldError, InvalidInput
from jobsapp.workflows import field, ref, step, wait_for_approval, workflow


def faults(steps: dict[str, Any], **more: Any) -> dict[str, str]:
    definition = read({"steps": steps} | more)
    return {one.field: one.message for one in check(definition, lambda *_: [])}


@pytest.mark.parametrize(
    ("steps", "path", "message"),
    [
        ({"a": {"type": "x", "needs": ["b"]}}, "steps.a.needs.0", "there is no step 'b'."),
        (
            {"a": {"type": "x", "needs": ["b"]}, "b": {"type": "x", "needs": ["a"]}},
            "steps.a.needs",
            "goes in a circle: a → b → a.",
        ),
        (
            {"a": {"type": "x"}, "b": {"type": "x", "input": {"n": "of ${{ steps.a.result }}"}}},
            "steps.b.input.n",
            "the step 'a' is not done before this one; name it in needs.",
        ),
        (
            {"a": {"type": "x", "input": {"n": {"m": ["${{ steps.z.result }}"]}}}},
            "steps.a.input.n.m.0",
            "there is no step 'z'.",
        ),
        ({"a": {"type": "x", "when": "input.nothing"}}, "steps.a.when", "the workflow has no input 'nothing'."),
        (
            {"a": {"type": "x", "input": {"n": "${{ item }}"}}},
            "steps.a.input.n",
            "'item' is known only in the input of a step with forEach.",
        ),
        (
            {"a": {"type": "x"}, "b": {"type": "x", "needs": ["a"], "when": "steps.a.outcome"}},
            "steps.b.when",
            "a step has no 'outcome': only status, result, artifacts, error, items.",
        ),
        (
            {"a": {"waitFor": {"until": "tomorrow"}}},
            "steps.a.waitFor.until",
            "must be a time with its zone, as in 2026-12-01T08:00:00Z.",
        ),
        (
            {"a": {"waitFor": {"approval": {"fields": {"c": {"type": "choice"}}}}}},
            "steps.a.waitFor.approval.fields.c.choices",
            "name at least one choice.",
        ),
        (
            {
                "a": {"type": "x", "compensate": {"type": "y", "input": {"n": "${{ steps.b.result }}"}}},
                "b": {"type": "x"},
            },
            "steps.a.compensate.input.n",
            "the step 'b' is not done before this one; name it in needs.",
        ),
    ],
)
def test_each_fault_is_told_with_its_path(steps: dict[str, Any], path: str, message: str) -> None:
    assert faults(steps) == {path: message}


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("input.day", None),
        ("input.dya", "the workflow has no input 'dya'."),
        ("steps.a.result", "knows only the input, as in ${{ input.day }}: no step has run by then."),
        (
            "input.token",
            "a secret is only handed on whole, as ${{ input.token }}, to a secret field of a job.",
        ),
        ("input.", "'input.' is no JMESPath expression"),
    ],
)
def test_the_name_of_runs_is_a_template_of_the_input_alone(expression: str, message: str | None) -> None:
    fields = {"day": {"type": "text"}, "token": {"type": "secret"}}
    found = faults({"a": {"type": "x"}}, input=fields, name=f"Orders of ${{{{ {expression} }}}}")
    assert list(found) == ([] if message is None else ["name"])
    assert found.get("name", "").startswith(message or "")


def test_a_wrong_expression_is_told() -> None:
    found = faults({"a": {"type": "x", "when": "input."}})
    assert list(found) == ["steps.a.when"]
    assert found["steps.a.when"].startswith("'input.' is no JMESPath expression:")
    found = faults({"a": {"type": "x", "when": "!input.go"}}, input={"go": {"type": "boolean"}})
    assert found["steps.a.when"].startswith("! negates the first name alone;")


def test_the_judge_of_types_is_asked_and_its_faults_stand_under_the_step() -> None:
    definition = read({"steps": {"a": {"type": "x", "compensate": {"type": "y"}}}})
    found = check(definition, lambda type, *_: [FieldError("type", f"no {type}")])
    assert [(one.field, one.message) for one in found] == [
        ("steps.a.type", "no x"),
        ("steps.a.compensate.type", "no y"),
    ]


@pytest.mark.parametrize(
    ("definition", "path", "message"),
    [
        ({}, "steps", "is missing."),
        ({"steps": {"a": {}}}, "steps.a", "say either type or waitFor."),
        ({"steps": {"a": {"type": "x", "typ": 1}}}, "steps.a.typ", "there is no such field."),
        (
            {"steps": {"A-b": {"type": "x"}}},
            "steps.A-b",
            "is no key: up to 50 letters, digits and _, a small letter first.",
        ),
        ({"steps": {"a": {"waitFor": {}}}}, "steps.a.waitFor", "say one of seconds, until, event and approval."),
        ({"steps": {"a": "type data"}}, "steps.a", "a step is a mapping that says what it does, as in {type: echo}."),
        ("x", "", "a workflow is a mapping that has steps, as in {steps: {first: {type: echo}}}."),
        (
            {"steps": {"a": {"type": "x", "onFailure": "no"}}},
            "steps.a.onFailure",
            "must be one of fail, continue, skip.",
        ),
        (
            {"steps": {"a": {"waitFor": {"approval": {"role": "x"}}}}},
            "steps.a.waitFor.approval.role",
            "must be one of member, operator, admin.",
        ),
        ({"steps": {"a": {"waitFor": {"seconds": -1}}}}, "steps.a.waitFor.seconds", "must be more than 0."),
        (
            {"steps": {"a": {"type": "x", "forEach": 3}}},
            "steps.a.forEach",
            "must be a list, or an expression that gives one.",
        ),
        ({"steps": {"a": {"type": "x", "priority": 1.5}}}, "steps.a.priority", "must be a whole number."),
        ({"steps": {}}, "steps", "needs at least 1."),
    ],
)
def test_a_shape_that_is_wrong_is_told_with_its_path(definition: Any, path: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(definition)
    assert [(one.field, one.message) for one in caught.value.errors] == [(path, message)]


def test_what_an_expression_asks_for_is_seen_wherever_it_stands() -> None:
    asked = {
        "steps.a.result[0].x": ("steps", "a", "result"),
        "length(steps.a.items)": ("steps", "a", "items"),
        "steps.a.result | [0]": ("steps", "a", "result"),
        "input.rows[?price > `3`].name": ("input", "rows"),
        "sort_by(steps.a.result, &x)": ("steps", "a", "result"),
        "{n: steps.a.result}": ("steps", "a", "result"),
        "!(steps.a.result.ok)": ("steps", "a", "result", "ok"),
    }
    for expression, expected in asked.items():
        assert expected in [one[: len(expected)] for one in names(expression)], expression


def test_a_reference_alone_keeps_its_type_and_in_a_text_is_text() -> None:
    scope = {"input": {"n": 3, "all": [1, {"a": None}]}}
    template = {"n": "${{ input.n }}", "t": "n=${{ input.n }}, ${{ input.all }}", "no": "$${{ input.n }}", "x": 1}
    assert rendered(template, scope) == {"n": 3, "t": 'n=3, [1, {"a": null}]', "no": "${{ input.n }}", "x": 1}


def test_yaml_without_surprises() -> None:
    assert parse("a: {on: yes, day: 2026-11-26, ok: true}") == {"a": {"on": "yes", "day": "2026-11-26", "ok": True}}
    for text, message in {
        "a: 1\na: 2": "line 2, column 1: 'a' stands twice.",
        "a: &x [1]\nb: *x": "line 2, column 4: aliases (*name) are not read.",
        "a: [1": "line 1, column 6: expected ',' or ']', but got '<stream end>'.",
    }.items():
        with pytest.raises(InvalidInput) as caught:
            parse(text)
        assert caught.value.errors[0].message == message


def test_python_makes_the_same_definition_as_yaml() -> None:
    made = workflow(
        "greet",
        {"who": field("text", default="you")},
        hello=step("echo", {"text": ref("input.who")}),
        ask=wait_for_approval("Good?", {"note": field(required=False)}, needs=["hello"], deadline_seconds=60),
    )
    text = """
name: greet
input: {who: {default: you}}
steps:
  hello: {type: echo, input: {text: "${{ input.who }}"}}
  ask:
    needs: [hello]
    waitFor: {approval: {title: "Good?", fields: {note: {required: false}}}, deadlineSeconds: 60}
"""
    assert made == read(parse(text))
    assert read(parse(written(made.as_json()))) == made
