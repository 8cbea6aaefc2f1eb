"""What a run is called, before it begins: from what it is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobsapp.core.workflows.definition import Definition
from jobsapp.core.workflows.expressions import as_text, is_dynamic, references, rendered


def run_name(definition: Definition, input: Mapping[str, Any], workflow: str = "") -> str:
    """On one line. `workflow`: the name that it was saved by. Empty: nobody named it. Raises WrongExpression."""
    said = as_text(rendered(definition.name, {"input": input})) if is_dynamic(definition.name) else ""
    return " ".join(said.split()) or definition.title or workflow or definition.name


def asked_by_name(definition: Definition) -> Iterator[str]:
    """The expressions in the name."""
    return (expression for _, expression in references(definition.name))
