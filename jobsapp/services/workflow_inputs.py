"""The input of a run: what the workflow asks for, with its secrets apart, where they are sealed as those of any job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import SecretStr

from jobsapp.core.masks import MASK
from jobsapp.core.workflows import Definition
from jobsapp.core.workflows.fields import filled
from jobsapp.core.workflows.secrets import secret_fields
from jobsapp.errors import FieldError
from jobsapp.processors.secrets import is_mask
from jobsapp.services.secrets import NOT_A_SECRET


class Asked(Protocol):
    """The data of a job that is a run."""

    input: dict[str, Any]
    secrets: dict[str, SecretStr]


def set_apart(definition: Definition, data: Asked, prefix: str) -> list[FieldError]:
    """Move secrets that were given among the input to where they are sealed. Returns what is wrong with them."""
    faults = []
    for key in secret_fields(definition.input) & data.input.keys():
        value = data.input.pop(key)
        if is_mask(value):
            faults.append(FieldError(f"{prefix}input.{key}", NOT_A_SECRET))
        elif isinstance(value, str) and value:
            data.secrets[key] = SecretStr(value)
        elif value is not None and value != "":
            faults.append(FieldError(f"{prefix}input.{key}", "must be a text."))
    return faults


def values_of(definition: Definition, data: Asked, prefix: str) -> tuple[dict[str, Any], list[FieldError]]:
    """What a run begins with, each secret a mask, and what is wrong with it."""
    secrets = secret_fields(definition.input)
    given = {key: secret.get_secret_value() for key, secret in data.secrets.items()}
    faults = [
        FieldError(f"{prefix}secrets.{key}", "the workflow has no secret of that name.")
        for key in given
        if key not in secrets
    ]
    faults += [
        FieldError(f"{prefix}input.{key}", "is a secret since a newer version; start the workflow anew.")
        for key in sorted(secrets & data.input.keys())
    ]
    known = {key: value for key, value in given.items() if key in secrets}
    values, more = filled(definition.input, data.input | known, f"{prefix}input")
    return masked(definition, values), faults + more


def masked(definition: Definition, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with a mask for each secret."""
    secrets = secret_fields(definition.input)
    return {key: MASK if key in secrets and value is not None else value for key, value in values.items()}


def new_secrets(definition: Definition, input: Mapping[str, Any]) -> dict[str, str]:
    """The secrets that are given anew: neither left out nor masks."""
    found = {key: input[key] for key in secret_fields(definition.input) & input.keys()}
    return {key: value for key, value in found.items() if isinstance(value, str) and value and not is_mask(value)}
