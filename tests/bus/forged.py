"""What somebody who can write to Redis would put there."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Bomb:
    """Whoever unpickles it makes a file."""

    def __init__(self, mark: Path | str) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.mark), "w")
