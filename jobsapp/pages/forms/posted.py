"""From what a form posted to the `data` of a job. What cannot be read stays as written, for the model to refuse."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from jobsapp.core.masks import MASK
from jobsapp.errors import FieldError
from jobsapp.pages.forms.fields import Field
from jobsapp.processors.secrets import is_mask

Posted = MultiDict[str, str]
ABSENT = object()


def data_of(fields: Iterable[Field], posted: Posted) -> dict[str, Any]:
    """The data that the form stands for. A field left empty is left out, so that its default applies."""
    values = {field.key: _value(field, posted) for field in fields}
    return {key: value for key, value in values.items() if value is not ABSENT}


def texts_of(fields: Iterable[Field], data: Mapping[str, Any]) -> dict[str, Any]:
    """The other way round: what stands in the fields for this data, by the field's name."""
    texts: dict[str, Any] = {}
    for field in fields:
        value = data.get(field.key, field.default)
        if field.kind == "group":
            texts |= texts_of(field.fields, value if isinstance(value, dict) else {})
        elif value is not None:
            texts[field.name] = _secret_text(field, _text(field, value)) if field.secret else _text(field, value)
    return texts


def posted_texts(fields: Iterable[Field], posted: Posted) -> dict[str, Any]:
    """What was written into the fields, to be shown again."""
    texts: dict[str, Any] = {}
    for field in fields:
        if field.kind == "group":
            texts |= posted_texts(field.fields, posted)
        elif field.kind == "boolean" and not field.nullable:
            texts[field.name] = field.name in posted
        elif field.kind == "files":
            texts[field.name] = posted.getlist(field.name)
        else:
            text = posted.get(field.name, "")
            texts[field.name] = _secret_text(field, text) if field.secret else text
    return texts


def unreadable(fields: Iterable[Field], posted: Posted) -> list[FieldError]:
    """Faults of the writing, which no model sees: a line without `=`, JSON that is none."""
    faults = []
    for field in fields:
        text = posted.get(field.name, "").strip()
        if field.kind == "group":
            faults += unreadable(field.fields, posted)
        elif field.kind == "pairs" and any("=" not in line for line in _lines(text)):
            faults.append(FieldError(field.name, "Write one pair per line, as in: name = new name"))
        elif field.kind == "json" and text and isinstance(_json(text), _NotJson):
            faults.append(FieldError(field.name, "This is not valid JSON."))
    return faults


def _value(field: Field, posted: Posted) -> Any:
    text = posted.get(field.name, "")
    match field.kind:
        case "group":
            return data_of(field.fields, posted)
        case "boolean" if not field.nullable:
            return field.name in posted
        case "files":
            return posted.getlist(field.name) or ABSENT
        case "text" | "long" if not field.required and not field.nullable:
            return text if field.name in posted else ABSENT
    return ABSENT if not text.strip() else _read(field, text)


def _read(field: Field, text: str) -> Any:
    match field.kind:
        case "integer" | "number":
            return _number(text.strip())
        case "choice" | "boolean":
            return next((choice.value for choice in field.choices if choice.text == text), text)
        case "lines":
            read = _number if field.items in ("integer", "number") else str
            return [read(line) for line in _lines(text)]
        case "pairs":
            return {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in _lines(text))}
        case "json":
            value = _json(text)
            return text if isinstance(value, _NotJson) else value
    return text if field.kind in ("text", "long", "secret") else text.strip()


def _secret_text(field: Field, text: str) -> str:
    """What may stand in a page of it: masks, and of pairs the names."""
    if field.kind == "pairs":
        pairs = (line.partition("=") for line in _lines(text))
        return "\n".join(f"{name.strip()} = {MASK if is_mask(value.strip()) else ''}" for name, _, value in pairs)
    if field.kind == "json":
        # Where its secrets are only the model knows; one that was kept has masks already.
        return text if MASK in text else ""
    return "\n".join(MASK for line in _lines(text) if is_mask(line))


def _text(field: Field, value: Any) -> Any:
    match field.kind:
        case "boolean" if not field.nullable:
            return bool(value)
        case "lines" if isinstance(value, list):
            return "\n".join(map(str, value))
        case "files" if isinstance(value, list):
            return [str(item) for item in value]
        case "pairs" if isinstance(value, dict):
            return "\n".join(f"{key} = {item}" for key, item in value.items())
        case "json":
            return json.dumps(value, indent=2, ensure_ascii=False) if value not in ([], {}) else ""
    return str(value)


class _NotJson:
    """The text is not JSON."""


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NotJson()


def _number(text: str) -> int | float | str:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
