"""How many examples a property is tried with."""

from __future__ import annotations

import os

SHARE = 3


def examples(number: int) -> int:
    """`number` with THOROUGH=1 in the environment, and a third of it in an ordinary run, which is to be made often."""
    return number if os.environ.get("THOROUGH") else max(3, number // SHARE)
