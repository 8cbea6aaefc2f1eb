"""How a case runs a processor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Case = tuple[Callable[[Path], Path], Callable[[Path, Path], None], Callable[[Path, Path], None], str]
"""What makes the input in a folder; ours and the plain way, given the input and the folder; how much it is."""


def processed(processor: Any, data: dict[str, Any], source: Path, place: Path) -> Any:
    from jobsapp.processors.testing import run_processor

    return run_processor(processor, data, files=[source], tmp_path=place / "job", threads=1).result
