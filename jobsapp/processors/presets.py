"""Presets that come with a job type, and what the form's data may be before it is complete."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from jobsapp.errors import ConfigError
from jobsapp.processors.sdk import Processor

ANY_FILE = UUID(int=0)


@cache
def file_fields(model: type[BaseModel]) -> dict[str, bool]:
    """The fields that name files, as on the wire, and whether they name several."""
    # Kept for each model: its schema costs up to a millisecond, and one call may bring 10,000 jobs.
    found = {}
    for field, said in model.model_json_schema(by_alias=True).get("properties", {}).items():
        kinds = [said, *said.get("anyOf", [])]
        items = [kind.get("items", {}) for kind in kinds]
        if any(kind.get("format") == "file-id" for kind in (*kinds, *items)):
            found[field] = any(item.get("format") == "file-id" for item in items)
    return found


def faults_of_part(model: type[BaseModel], data: Mapping[str, Any]) -> list[ErrorDetails]:
    """What is wrong in data that may lack fields. What may not stand together is found when nothing is missing."""
    try:
        model.model_validate(dict(data))
    except ValidationError as error:
        return [one for one in error.errors(include_url=False) if one["type"] != "missing"]
    return []


def named_as_on_the_wire(model: type[BaseModel], data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with its fields named as the form names them: `target_format` becomes `targetFormat`."""
    aliases = {name: field.alias or name for name, field in model.model_fields.items()}
    return {aliases.get(key, key): value for key, value in data.items()}


def example_of(model: type[BaseModel]) -> dict[str, Any] | None:
    """The first of the model's own examples (`json_schema_extra={"examples": [{…}]}`)."""
    extra = model.model_config.get("json_schema_extra")
    examples = extra.get("examples") if isinstance(extra, dict) else None
    return dict(examples[0]) if isinstance(examples, list) and examples and isinstance(examples[0], dict) else None


def check(processor: type[Processor]) -> None:
    """Raises ConfigError naming the type and the preset that its input does not take, or two of one name."""
    model, seen = processor.Input, set()
    for preset in processor.presets:
        where = f"The preset {preset.name!r} of the job type {processor.type!r}"
        slug = slug_of(preset.name)
        if not slug or slug in seen:
            raise ConfigError(f"{where} needs a name of its own, with a letter or digit in it.")
        seen.add(slug)
        _check_data(model, preset.data, where)
    example = example_of(model)
    if example is not None:
        _check_data(model, example, f"The example of the job type {processor.type!r}")


def slug_of(name: str) -> str:
    """`CSV to Parquet` → `csv-to-parquet`: the id of a preset that comes with a type."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _check_data(model: type[BaseModel], data: Mapping[str, Any], where: str) -> None:
    # A file is chosen by the person; which of the file fields the rest asks for, only the model knows.
    fields = file_fields(model)
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    aliases = {model.model_fields[name].alias or name for name in required}
    faults: list[ErrorDetails] = []
    for filled in (aliases & fields.keys(), fields.keys()):
        faults = faults_of_part(model, {**data, **_files(fields, filled - data.keys())})
        if not faults:
            return
    first = faults[0]
    place = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    raise ConfigError(f"{where} does not fit its input: {place + ': ' if place else ''}{message}.")


def _files(fields: Mapping[str, bool], names: Iterable[str]) -> dict[str, Any]:
    return {name: [str(ANY_FILE)] if fields[name] else str(ANY_FILE) for name in names}
