"""Presets that come with a type are checked when the types are found."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from pydantic import ConfigDict

from jobsapp.errors import ConfigError
from jobsapp.processors.registry import JobType, Registry, load_registry
from jobsapp.processors.sdk import FileId, Input, Preset, Processor

ALL = load_registry()


def kind(presets: tuple[Preset, ...] = (), example: Any = None) -> type[Processor]:
    class Bake(Processor):
        type = "bake"
        title = "Bake"

        class Input(Input):
            model_config = ConfigDict(json_schema_extra={"examples": [example]} if example else {})
            recipe: FileId
            loaves: int
            kind: str = "rye"

        def run(self, data: Any, context: Any) -> Any:
            return None

    Bake.presets = presets
    return Bake


def test_what_a_person_fills_in_may_be_missing() -> None:
    (found,) = Registry([kind((Preset("Two", "", {"loaves": 2}), Preset("None", "", {})))])
    assert [one.name for one in found.processor.presets] == ["Two", "None"]


@pytest.mark.parametrize(
    ("presets", "words"),
    [
        ((Preset("Two", "", {"loaves": "many"}),), ["'Two'", "'bake'", "loaves: Input should be a valid integer"]),
        ((Preset("Two", "", {"loafs": 2}),), ["'Two'", "'bake'", "loafs: "]),
        ((Preset("Two", "", {}), Preset("two!", "", {})), ["'two!'", "a name of its own"]),
        ((Preset("…", "", {}),), ["'…'", "a letter or digit"]),
    ],
)
def test_a_bad_preset_is_named(presets: tuple[Preset, ...], words: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        Registry([kind(presets)])
    for word in words:
        assert word in raised.value.detail


def test_what_may_not_stand_together_is_found_though_the_file_is_missing() -> None:
    class Convert(ALL.get("data-conversion").processor):  # type: ignore[misc]
        type = "convert"
        presets: ClassVar = (Preset("Odd", "", {"targetFormat": "csv", "maxBadRows": 3}),)

    with pytest.raises(ConfigError, match="maxBadRows: only of use with onBadRow skip"):
        JobType(Convert)


def test_a_models_example_is_one() -> None:
    assert JobType(kind(example={"loaves": 3})).example == {"loaves": 3}
    assert JobType(kind()).example is None
    with pytest.raises(ConfigError, match="The example of the job type 'bake'"):
        JobType(kind(example={"loaves": "x"}))


@pytest.mark.parametrize("name", ["data-conversion", "model-training", "bulk-operation"])
def test_the_types_that_come_along_have_some(name: str) -> None:
    presets = ALL.get(name).processor.presets
    assert len(presets) >= 2
    assert all(one.description for one in presets)
