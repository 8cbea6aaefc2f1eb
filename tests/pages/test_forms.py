"""From a model to a form, and from what was posted back to data: without a database."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field
from werkzeug.datastructures import MultiDict

from jobsapp.pages.forms.fields import Field as FormField
from jobsapp.pages.forms.fields import fields_of
from jobsapp.pages.forms.posted import data_of, posted_texts, texts_of, unreadable
from jobsapp.processors.sdk import FileId, Input


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(Input):
    depth: int = Field(3, ge=1, le=9)
    label: str | None = None


class Everything(Input):
    title: str = Field(description="What it is called", examples=["A title"])
    notes: str = Field("", max_length=1000)
    count: int = Field(10, ge=0, le=99)
    share: float | None = None
    loud: bool = True
    maybe: bool | None = None
    colour: Colour = Colour.RED
    size: Literal["s", "m", "l", "xl"] | None = Field(
        None, json_schema_extra={"labels": {"s": "Small"}, "empty": "Any"}
    )
    level: Literal[1, 2]
    names: list[str] = Field([])
    numbers: list[int] = Field([])
    rename: dict[str, str] = Field({})
    source_file: FileId = Field(json_schema_extra={"accept": ".csv"})
    more_files: list[FileId] = Field([])
    inner: Inner = Inner()
    free: dict[str, Any] | list[int] | None = None
    secret_knob: int = Field(0, json_schema_extra={"advanced": True})


def field(name: str) -> FormField:
    return next(item for item in fields_of(Everything) if item.key == name)


@pytest.mark.parametrize(
    ("name", "kind", "widget"),
    [
        ("title", "text", "text"),
        ("notes", "long", "long"),
        ("count", "integer", "integer"),
        ("share", "number", "number"),
        ("loud", "boolean", "boolean"),
        ("maybe", "boolean", "select"),
        ("colour", "choice", "radio"),
        ("size", "choice", "select"),
        ("level", "choice", "select"),
        ("names", "lines", "lines"),
        ("numbers", "lines", "lines"),
        ("rename", "pairs", "pairs"),
        ("sourceFile", "file", "file"),
        ("moreFiles", "files", "files"),
        ("inner", "group", "group"),
        ("free", "json", "json"),
    ],
)
def test_kinds(name: str, kind: str, widget: str) -> None:
    assert (field(name).kind, field(name).widget) == (kind, widget)


def test_what_the_model_says_of_a_field() -> None:
    assert field("title").help == "What it is called"
    assert field("title").placeholder == "A title"
    assert field("title").required
    assert (field("count").minimum, field("count").maximum, field("count").default) == (0, 99, 10)
    assert field("size").choices[0].label == "Small"
    assert field("size").empty == "Any"
    assert field("sourceFile").accept == ".csv"
    assert field("sourceFile").label == "Source file"
    assert field("secretKnob").advanced
    assert [inner.name for inner in field("inner").fields] == ["data.inner.depth", "data.inner.label"]


FULL = {
    "title": "T", "notes": "n", "count": 5, "share": 0.5, "loud": False, "maybe": True, "colour": "blue", "size": "m",
    "level": 2, "names": ["a", "b"], "numbers": [1, 2], "rename": {"a": "x"},
    "sourceFile": "00000000-0000-7000-8000-000000000001", "moreFiles": ["00000000-0000-7000-8000-000000000002"],
    "inner": {"depth": 4, "label": "deep"}, "free": {"k": [1]}, "secretKnob": 1,
}  # fmt: skip


def test_data_survives_the_way_through_the_form() -> None:
    fields = fields_of(Everything)
    posted: MultiDict[str, str] = MultiDict()
    for name, text in texts_of(fields, FULL).items():
        if isinstance(text, list):
            posted.setlist(name, text)
        elif text is not False:
            posted[name] = "true" if text is True else str(text)
    assert data_of(fields, posted) == FULL
    assert posted_texts(fields, posted) == texts_of(fields, FULL)


def test_fields_left_empty_are_left_to_their_defaults() -> None:
    posted = MultiDict({"data.title": "T", "data.level": "1", "data.count": "", "data.names": " \n ", "data.size": ""})
    data = data_of(fields_of(Everything), posted)
    assert data == {"title": "T", "level": 1, "loud": False, "inner": {}}


def test_what_cannot_be_read_is_left_for_the_model_to_refuse() -> None:
    data = data_of(fields_of(Everything), MultiDict({"data.count": "many", "data.level": "9", "data.numbers": "1\nx"}))
    assert (data["count"], data["level"], data["numbers"]) == ("many", "9", [1, "x"])


def test_faults_of_writing() -> None:
    posted = MultiDict({"data.rename": "a = b\nc", "data.free": "{"})
    assert [fault.field for fault in unreadable(fields_of(Everything), posted)] == ["data.rename", "data.free"]


def test_a_model_without_fields() -> None:
    class Nothing(BaseModel):
        pass

    assert fields_of(Nothing) == []
    assert data_of([], MultiDict()) == {}


def test_a_field_may_depend_on_another() -> None:
    class Model(Input):
        mode: Literal["call", "load"] = "load"
        dry_run: bool = True
        url: str = Field("", json_schema_extra={"when": {"mode": ["call"], "dry_run": [False]}})

    url = fields_of(Model)[2]
    assert json.loads(url.when) == {"data.mode": ["call"], "data.dryRun": ["false"]}
    assert fields_of(Model)[0].when == ""
