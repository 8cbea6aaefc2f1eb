"""Which values of an input are secrets: those that its model declares as pydantic's `SecretStr` or `SecretBytes`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.alias_generators import to_camel

from jobsapp.core.masks import MASK
from jobsapp.core.sealing import pointer, steps
from jobsapp.errors import ConfigError

Schema = dict[str, Any]
Place = tuple[str | int, ...]


@cache
def has_secrets(model: type[BaseModel]) -> bool:
    """Whether some value of the input may be one."""
    schema = model.model_json_schema(by_alias=True)
    return any(map(_is_secret, [*_all_schemas(schema)]))


def check(model: type[BaseModel], type_name: str) -> None:
    """Raises ConfigError for a set of secrets: its values have no place by which they could be found again."""
    for part in _all_schemas(model.model_json_schema(by_alias=True) if has_secrets(model) else {}):
        if part.get("uniqueItems") and _is_secret(part.get("items", {})):
            raise ConfigError(f"The input of the job type {type_name!r} has a set of secrets; make it a list.")


def secrets_of(data: BaseModel) -> dict[str, str]:
    """The secrets in a checked input, by their place in its JSON. Empty ones are none."""
    if not has_secrets(type(data)):
        return {}
    found = _secrets_in(data.model_dump(by_alias=True), ())
    return {pointer(*place): secret for place, secret in found if secret}


def is_mask(secret: object) -> bool:
    """Whether it only repeats what is shown in the place of a secret, by us or by pydantic."""
    return isinstance(secret, str) and len(secret) >= len(MASK) and set(secret) == {"*"}


def kept(
    model: type[BaseModel],
    data: dict[str, Any],
    before: Mapping[str, Any],
    old: Mapping[str, str],
    *,
    masks_only: bool = False,
) -> dict[str, Any]:
    """The data as a form sent it, with the secrets `old` of the earlier input `before` where it has none or a mask.

    `masks_only`: only where it has a mask.

    What somebody took from a table of secrets stays away. A list keeps its secrets if it is as long as it was:
    otherwise nobody knows which is which.
    """
    schema = model.model_json_schema(by_alias=True)
    for place, secret in old.items():
        *way, last = steps(place)
        at, was, schemas, definitions = data, before, [schema], schema.get("$defs", {})
        for step in way:
            at, was = _inner(at, was, step), _inner(was, was, step)
            schemas = [part for one in schemas for part in _within(one, step, definitions)]
        if is_mask(_inner(at, was, last)) or (not masks_only and _left(at, last, schemas, definitions)):
            at[int(last) if isinstance(at, list) else last] = secret
    return data


def _left(at: Any, last: str, schemas: list[Schema], definitions: Schema) -> bool:
    """Whether a form left the field empty, which shows no secret."""
    if isinstance(at, dict) and last not in at:
        options = [option for one in schemas for option in _options(one, definitions)]
        return any(last in option.get("properties", {}) for option in options)
    return isinstance(at, dict) and not at[last]


def _inner(at: Any, was: Any, step: str) -> Any:
    if isinstance(at, dict):
        return at.get(step)
    same = isinstance(at, list) and isinstance(was, list) and len(at) == len(was)
    return at[int(step)] if same else None


def _within(schema: Schema, step: str, definitions: Schema) -> Iterator[Schema]:
    for option in _options(schema, definitions):
        yield from _parts(option, step)
        if isinstance(option.get("items"), dict):
            yield option["items"]


def without_secrets(model: type[BaseModel], data: Any) -> Any:
    """Data as it was sent, valid or not, without the secrets in it."""
    if not has_secrets(model):
        return data
    schema = model.model_json_schema(by_alias=True)
    return _without(data, schema, schema.get("$defs", {}))


def named_secrets(model: type[BaseModel], data: Any) -> list[Place]:
    """Where an input, valid or not, has a secret that is not empty: `("headers", "authorization")`."""
    if not has_secrets(model):
        return []
    schema = model.model_json_schema(by_alias=True)
    return list(_named(data, schema, schema.get("$defs", {}), ()))


def _named(value: Any, schema: Schema, definitions: Schema, place: Place) -> Iterator[Place]:
    options = list(_options(schema, definitions))
    parts: list[tuple[str | int, Any, list[Schema]]] = []
    if isinstance(value, list | tuple):
        items = [one["items"] for one in options if isinstance(one.get("items"), dict)]
        parts = [(at, item, items) for at, item in enumerate(value)]
    elif isinstance(value, Mapping):
        parts = [(key, item, [part for one in options for part in _parts(one, key)]) for key, item in value.items()]
    for key, item, inner in parts:
        if item and _may_be(inner, definitions):
            yield (*place, key)
        elif inner:
            yield from _named(item, {"anyOf": inner}, definitions, (*place, key))


def _secrets_in(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, SecretStr):
        yield place, value.get_secret_value()
    elif isinstance(value, SecretBytes):
        yield place, value.get_secret_value().decode()
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets_in(item, (*place, str(key)))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _secrets_in(item, (*place, index))


def _without(value: Any, schema: Schema, definitions: Schema) -> Any:
    options = list(_options(schema, definitions))
    if isinstance(value, list):
        items = [one["items"] for one in options if isinstance(one.get("items"), dict)]
        return [_without(item, {"anyOf": items}, definitions) for item in value if not _may_be(items, definitions)]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, item in value.items():
        inner = [part for one in options for part in _parts(one, key)]
        if not _may_be(inner, definitions):
            found[key] = _without(item, {"anyOf": inner}, definitions) if inner else item
    return found


def _may_be(schemas: list[Schema], definitions: Schema) -> bool:
    return any(_is_secret(option) for one in schemas for option in _options(one, definitions))


def _parts(schema: Schema, key: str) -> Iterator[Schema]:
    """What the schema of an object says of its field, by either of its names."""
    properties = schema.get("properties", {})
    for name in {key, to_camel(key)} & properties.keys():
        yield properties[name]
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        yield more


def _options(schema: Schema, definitions: Schema) -> Iterator[Schema]:
    if "$ref" in schema:
        yield from _options(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    for several in ("anyOf", "oneOf", "allOf"):
        for option in schema.get(several, ()):
            yield from _options(option, definitions)
    yield schema


def _is_secret(schema: Schema) -> bool:
    return bool(schema.get("writeOnly"))


def _all_schemas(value: Any) -> Iterator[Schema]:
    if isinstance(value, Mapping):
        yield dict(value)
        for item in value.values():
            yield from _all_schemas(item)
    elif isinstance(value, list):
        for item in value:
            yield from _all_schemas(item)
