"""An installation on servers of its own for each test of this folder that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.stage import Stage


@pytest.fixture
def limits() -> dict[str, Any]:
    """Settings that a module's tests need otherwise."""
    return {}


@pytest.fixture
def stage(tmp_path: Path, limits: dict[str, Any]) -> Iterator[Stage]:
    with Stage(tmp_path, **limits) as stage:
        yield stage
