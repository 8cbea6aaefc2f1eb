"""An installation on servers of its own for each test of this folder that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.stage import Stage, make_template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def limits() -> dict[str, Any]:
    """Settings that a module's tests need otherwise."""
    return {}


@pytest.fixture
def stage(tmp_path: Path, template: Path, limits: dict[str, Any]) -> Iterator[Stage]:
    with Stage(tmp_path, template, **limits) as stage:
        yield stage
