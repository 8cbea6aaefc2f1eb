"""A form for what a JSON Schema asks: the input of a workflow, what a step wants to know of a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from jobsapp.errors import InvalidInput
from jobsapp.models import StoredFile
from jobsapp.pages.forms.fields import Field, fields_of_schema
from jobsapp.pages.forms.posted import Posted, data_of, posted_texts, texts_of, unreadable


@dataclass
class AskedForm:
    """As the templates of `form/` take it. Faults whose field is not in it stand under ""."""

    fields: list[Field]
    texts: dict[str, Any]
    errors: dict[str, str] = field(default_factory=dict)
    files: Mapping[str, StoredFile] = field(default_factory=dict)
    secrets_of: UUID | None = None
    """The run whose secrets are kept where the form has none."""

    @classmethod
    def blank(cls, schema: dict[str, Any], prefix: str, data: Mapping[str, Any] | None = None) -> AskedForm:
        """`prefix`: what names of fields begin with, as errors name them."""
        fields = fields_of_schema(schema, prefix)
        return cls(fields, texts_of(fields, data or {}))

    def file_fields(self) -> list[Field]:
        return [one for one in self.fields if one.kind in ("file", "files")]

    def file_ids(self) -> list[str]:
        """Of the files that were given."""
        return [str(self.texts[one.name]) for one in self.file_fields() if self.texts.get(one.name)]

    def read(self, posted: Posted) -> dict[str, Any]:
        """What somebody sent. Raises InvalidInput for what cannot be read."""
        self.texts = posted_texts(self.fields, posted)
        faults = unreadable(self.fields, posted)
        if faults:
            raise InvalidInput("Some fields cannot be read.", errors=tuple(faults))
        data = data_of(self.fields, posted)
        return {key: value for key, value in data.items() if value != ""}

    def refuse(self, error: InvalidInput) -> None:
        known = {one.name for one in self.fields}
        for fault in error.errors:
            name = fault.field.removeprefix("data.")
            message = fault.message[:1].upper() + fault.message[1:]
            self.errors[name if name in known else ""] = message if name in known else f"{fault.field}: {fault.message}"
        if not error.errors:
            self.errors[""] = error.detail
