"""How many examples a property is tried with."""

from __future__ import annotations

import os

SHARE = 3


def examples(number: int, share: int = SHARE) -> int:
    """`number` with THOROUGH=1 in the environment, and a third of it in an ordinary run, which is to be made often.

    Less, a `share`-th, where each example takes long.
    """
    return number if os.environ.get("THOROUGH") else max(3, number // share)
