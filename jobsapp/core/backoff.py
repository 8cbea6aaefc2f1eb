"""Exponential backoff with jitter: how long a failed job waits before it runs again."""

from __future__ import annotations


def delay_seconds(failures: int, *, first: float, factor: float, ceiling: float, jitter: float, draw: float) -> float:
    """Seconds to wait after the n-th failure in a row (`failures`, from 1).

    min(ceiling, first * factor ** (failures - 1)), of which the share `jitter` (0 to 1) is replaced by a
    random part, `draw` (0 to 1, from the caller). `jitter` 1 is the "full jitter" of M. Brooker, "Exponential
    Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    if failures < 1:
        raise ValueError("failures counts from 1")
    try:
        full = min(ceiling, first * factor ** (failures - 1))
    except OverflowError:
        full = ceiling
    return full * (1 - jitter + jitter * draw)
