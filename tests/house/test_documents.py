"""What the documents say about the code is true."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from jobsapp.core.states import TRANSITIONS
from jobsapp.processors.registry import load_registry

ROOT = Path(__file__).parents[2]


def test_the_chart_of_states_is_the_table() -> None:
    chart = (ROOT / "docs" / "architecture.md").read_text().split("stateDiagram-v2")[1].split("```")[0]
    drawn = set(re.findall(r"^\s*(\w+) --> (\w+)", chart, re.MULTILINE))
    assert drawn == {(old.value, new.value) for old, following in TRANSITIONS.items() for new in following}


def test_files_named_in_the_map_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = re.findall(r"`((?:services|bus|runtime|store|core|live)/[\w/]+\.(?:py|sql))`", text)
    assert named
    assert [name for name in named if not (ROOT / "jobsapp" / name).exists()] == []


def test_the_processor_of_the_readme_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    block = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    module = ModuleType("readme_example")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(block, "README.md", "exec"), module.__dict__)
    assert load_registry(["readme_example"]).get("greet").validate({"name": "Ana"}).model_dump() == {"name": "Ana"}


def test_the_example_of_a_processor_runs_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "processors.md").read_text(), re.DOTALL)
    module = ModuleType("documented_example")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for block in blocks:
        exec(compile(block, "docs/processors.md", "exec"), module.__dict__)
    module.test_counts(tmp_path)
    assert load_registry(["documented_example"]).get("count-lines").queue == "count-lines"
