"""What plain RQ runs. Imports next to nothing, because its workers import it anew for every job."""

from __future__ import annotations

import time


def empty() -> None: ...


def clock() -> float:
    return time.time()
