"""What is wrong with a shape, in words that people who write workflows know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PARTS = {
    "Definition": "a workflow is a mapping that has steps, as in {steps: {first: {type: echo}}}.",
    "Step": "a step is a mapping that says what it does, as in {type: echo}.",
    "FormField": "a field is a mapping that says what it takes, as in {type: text}.",
    "Wait": "is a mapping that says what is waited for, as in {seconds: 60}.",
    "Approval": "is a mapping that says what is asked, as in {title: Good enough to send?}.",
    "Tries": "is a mapping, as in {attempts: 3}.",
    "Task": "is a mapping that says which job undoes it, as in {type: echo}.",
}
_KINDS = (
    (r"string_type", "must be a text."),
    (r"string_too_short", "may not be empty."),
    (r"string_too_long", "may have up to {max_length:,} characters."),
    (r"int_.*", "must be a whole number."),
    (r"float_.*|finite_number", "must be a number."),
    (r"bool_.*", "must be true or false."),
    (r"(list|tuple|set)_type", "must be a list."),
    (r"(dict|mapping)_type", "must be a mapping: names, each with what belongs to it."),
    (r"model(_attributes)?_type", "must be a mapping of its fields."),
    (r"uuid_.*", "must be the id of an uploaded file."),
    (r"greater_than", "must be more than {gt:,}."),
    (r"greater_than_equal", "must be at least {ge:,}."),
    (r"less_than", "must be less than {lt:,}."),
    (r"less_than_equal", "must be at most {le:,}."),
    (r"too_short", "needs at least {min_length:,}."),
    (r"too_long", "may have up to {max_length:,}."),
    (r"extra_forbidden", "there is no such field."),
    (r"missing", "is missing."),
)


def words(fault: Mapping[str, Any]) -> str:
    """The sentence for an error of Pydantic; its own words for what no other is known for."""
    kind = fault["type"]
    context = {key: _whole(value) for key, value in (fault.get("ctx") or {}).items()}
    if kind in ("literal_error", "enum"):
        choices = re.findall(r"'([^']*)'", context["expected"])
        return f"must be one of {', '.join(choices)}."
    if (part := _PARTS.get(context.get("class_name", ""))) is not None:
        return part
    for pattern, sentence in _KINDS:
        if re.fullmatch(pattern, kind):
            return sentence.format_map(context)
    return str(fault["msg"]).removeprefix("Value error, ")


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
