"""The fields of a form, read from the JSON Schema of a pydantic model.

`json_schema_extra` may say more: `advanced` (under "More options"), `accept` (file names to offer), `multiline`,
`labels` (words for the choices), `empty` (the word for no choice), `needed` (not called optional although the schema
lets it be left out), `when` (`{"mode": ["a", "b"]}`: shown only while the field beside it has one of these values; it
is sent all the same, and without a script it is always there).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from jobsapp.pages.language import words

Kind = Literal[
    "text",
    "long",
    "secret",
    "integer",
    "number",
    "boolean",
    "choice",
    "lines",
    "pairs",
    "file",
    "files",
    "group",
    "json",
]
Schema = dict[str, Any]

RADIOS_UP_TO = 3
# Letters of all labels: longer ones do not stand beside each other.
RADIO_LETTERS = 60
LONG_FROM = 300


@dataclass(frozen=True)
class Choice:
    value: Any
    label: str

    @property
    def text(self) -> str:
        """As it travels in the form."""
        return str(self.value)


@dataclass(frozen=True)
class Field:
    """One field. `name` is its name in the form and in errors (`data.targetFormat`), `key` the last part of it."""

    name: str
    key: str
    kind: Kind
    label: str
    help: str = ""
    required: bool = False
    nullable: bool = False
    default: Any = None
    placeholder: str = ""
    choices: tuple[Choice, ...] = ()
    empty: str = "Not set"
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    accept: str = ""
    advanced: bool = False
    needed: bool = False
    when: str = ""
    """`{"data.mode": ["a", "b"]}` as JSON: on which values of other fields it depends whether this one is shown."""
    secret: bool = False
    """It is one, or has some in it: what somebody wrote there is never shown again."""
    items: Kind = "text"
    fields: tuple[Field, ...] = ()

    @property
    def id(self) -> str:
        """For `id` and `for` in HTML."""
        return "f-" + self.name.replace(".", "-")

    @property
    def widget(self) -> str:
        """The template that draws it: `form/<widget>.html`."""
        if self.kind == "choice":
            few = len(self.choices) <= RADIOS_UP_TO and sum(len(one.label) for one in self.choices) <= RADIO_LETTERS
            return "radio" if self.required_choice and few else "select"
        if self.kind == "boolean":
            return "select" if self.nullable else "boolean"
        return self.kind

    @property
    def optional(self) -> bool:
        """Whether its label says so."""
        return not (self.required or self.needed) and self.default is None

    @property
    def required_choice(self) -> bool:
        return not self.nullable and self.default is not None


@cache
def fields_of(model: type[BaseModel]) -> list[Field]:
    """The fields of a model, in its order, named under `data`."""
    schema = model.model_json_schema(by_alias=True)
    return list(_fields(schema, schema.get("$defs", {}), "data"))


def fields_of_schema(schema: Schema, prefix: str) -> list[Field]:
    """The fields of a JSON Schema without definitions, in its order, named under `prefix`."""
    return list(_fields(schema, {}, prefix))


def _fields(schema: Schema, definitions: Schema, prefix: str) -> Iterator[Field]:
    required = set(schema.get("required", ()))
    for key, description in schema.get("properties", {}).items():
        yield _field(f"{prefix}.{key}", key, description, definitions, required=key in required)


def _field(name: str, key: str, outer: Schema, definitions: Schema, *, required: bool) -> Field:
    inner, nullable = _resolved(outer, definitions)
    said = {**inner, **{k: v for k, v in outer.items() if k not in ("anyOf", "allOf", "$ref")}}
    kind = _kind(inner, said, definitions)
    choices = _choices(said, kind)
    secret = kind == "secret" or (kind in ("pairs", "lines", "json") and _has_secrets(inner, definitions))
    return Field(
        name=name,
        key=key,
        kind=kind,
        label=_label(outer.get("title"), key),
        help=" ".join(str(outer.get("description") or inner.get("description") or "").split()),
        required=required,
        nullable=nullable,
        default=None if secret else said.get("default"),
        placeholder=_placeholder(said.get("examples"), kind, is_list=inner.get("type") == "array"),
        choices=choices,
        empty=str(said.get("empty", "Not set" if not required else "Choose…")),
        minimum=_first(said, "minimum", "exclusiveMinimum"),
        maximum=_first(said, "maximum", "exclusiveMaximum"),
        max_length=said.get("maxLength"),
        accept=str(said.get("accept", "")),
        advanced=bool(said.get("advanced", False)),
        needed=bool(said.get("needed", False)),
        when=_when(said.get("when"), name.rpartition(".")[0]),
        secret=secret,
        items=_kind(*_twice(_resolved(inner.get("items", {}), definitions)[0]), definitions),
        fields=tuple(_fields(inner, definitions, name)) if kind == "group" else (),
    )


def _when(said: Any, prefix: str) -> str:
    if not isinstance(said, dict):
        return ""
    return json.dumps({f"{prefix}.{to_camel(key)}": list(map(_sent, values)) for key, values in said.items()})


def _sent(value: Any) -> str:
    """As a form sends it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _label(title: str | None, key: str) -> str:
    """The title that was given; what pydantic makes of an alias by itself (`Sourcefile`) reads badly."""
    made = key.title().replace("_", " ")
    return words(key) if title is None or title == made else title


def _resolved(schema: Schema, definitions: Schema) -> tuple[Schema, bool]:
    """The schema behind references and `X | None`, and whether null is allowed."""
    nullable = False
    while True:
        if "$ref" in schema:
            schema = definitions[schema["$ref"].rsplit("/", 1)[-1]]
        elif len(schema.get("allOf", ())) == 1:
            schema = schema["allOf"][0]
        elif "anyOf" in schema:
            others = [option for option in schema["anyOf"] if option.get("type") != "null"]
            nullable = nullable or len(others) < len(schema["anyOf"])
            if len(others) != 1:
                return {}, nullable
            schema = others[0]
        else:
            return schema, nullable


def _kind(inner: Schema, said: Schema, definitions: Schema) -> Kind:
    if "enum" in inner or "const" in inner:
        return "choice"
    if inner.get("format") == "file-id":
        return "file"
    match inner.get("type"):
        case "boolean" | "integer" | "number" as plain:
            return plain  # type: ignore[no-any-return]
        case "string" if inner.get("writeOnly"):
            return "secret"
        case "string":
            long = said.get("multiline", (inner.get("maxLength") or 0) >= LONG_FROM)
            return "long" if long else "text"
        case "array":
            return _list_kind(_resolved(inner.get("items", {}), definitions)[0])
        case "object" if inner.get("properties"):
            return "group"
        case "object" if _resolved(_values(inner), definitions)[0].get("type") == "string":
            return "pairs"
    return "json"


def _has_secrets(schema: Any, definitions: Schema, depth: int = 8) -> bool:
    if isinstance(schema, list):
        return any(_has_secrets(one, definitions, depth) for one in schema)
    if not isinstance(schema, dict) or not depth:
        return False
    if "$ref" in schema:
        return _has_secrets(_resolved(schema, definitions)[0], definitions, depth - 1)
    return bool(schema.get("writeOnly")) or any(_has_secrets(one, definitions, depth) for one in schema.values())


def _list_kind(items: Schema) -> Kind:
    if items.get("format") == "file-id":
        return "files"
    return "lines" if items.get("type") in ("string", "integer", "number") else "json"


def _values(schema: Schema) -> Schema:
    values = schema.get("additionalProperties")
    return values if isinstance(values, dict) else {}


def _choices(said: Schema, kind: Kind) -> tuple[Choice, ...]:
    if kind == "boolean":
        return (Choice(True, "Yes"), Choice(False, "No"))
    labels = said.get("labels", {})
    values = said.get("enum") or ([said["const"]] if "const" in said else [])
    return tuple(Choice(value, str(labels.get(str(value), value))) for value in values if value is not None)


def _placeholder(examples: Any, kind: Kind, *, is_list: bool) -> str:
    if not isinstance(examples, list) or not examples:
        return "[ ]" if kind == "json" and is_list else ""
    first = examples[0]
    if kind == "lines" and isinstance(first, list):
        return "\n".join(map(str, first))
    if kind == "pairs" and isinstance(first, dict):
        return "\n".join(f"{key} = {value}" for key, value in first.items())
    return str(first)


def _first(schema: Schema, *names: str) -> float | None:
    return next((schema[name] for name in names if name in schema), None)


def _twice(schema: Schema) -> tuple[Schema, Schema]:
    return schema, schema
