"""Secrets among the input of a workflow: fields of the type `secret`.

A run knows no more of them than MASK. Each is handed on whole, as `${{ input.token }}`, to a secret field of a step's
job, and to nothing else; what stands at those places is put there when the job is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobsapp.core.workflows.expressions import whole
from jobsapp.core.workflows.fields import Fields

Place = tuple[str | int, ...]
"""Where a value stands in an input: names of fields, and numbers in lists."""


def secret_fields(fields: Fields) -> frozenset[str]:
    return frozenset(key for key, field in fields.items() if field.type == "secret")


def handed(fields: Fields, template: Any) -> dict[Place, str]:
    """Where a template hands on a secret whole, and which."""
    keys = {f"input.{key}": key for key in secret_fields(fields)}
    return dict(_handed(template, keys, ())) if keys else {}


def given(template: Any, fields: Fields, data: Any, secrets: Mapping[str, str]) -> Any:
    """The input of a step's job, `data`, with the secrets at their places. One that was not given stays null, and so
    does one that was taken away since."""
    for place, key in handed(fields, template).items():
        if key in secrets:
            *way, last = place
            at = data
            for part in way:
                at = at[part]
            if at[last] is not None:
                at[last] = secrets[key]
    return data


def _handed(template: Any, keys: Mapping[str, str], place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(template, Mapping):
        for name, value in template.items():
            yield from _handed(value, keys, (*place, name))
    elif isinstance(template, list | tuple):
        for at, value in enumerate(template):
            yield from _handed(value, keys, (*place, at))
    elif isinstance(template, str) and (key := keys.get(whole(template) or "")) is not None:
        yield place, key
