"""What the documents say about the code is true."""

from __future__ import annotations

import re
from pathlib import Path

from jobsapp.core.states import TRANSITIONS

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
