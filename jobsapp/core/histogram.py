"""Durations on a logarithmic scale: a few numbers tell percentiles of any number of jobs, within ERROR."""

from __future__ import annotations

from collections.abc import Mapping

STEPS = 4
"""Each place of the scale is 2 ** (1 / STEPS) times as long as the one before; the migration 0009 has the same."""
LAST = 127
ERROR = 2 ** (1 / (2 * STEPS)) - 1
"""A percentile told is at most so much more or less than the true one, as a share of it: 9.1 %."""


def middle(place: int) -> float:
    """The milliseconds that stand for a place: place n holds those from 2 ** ((n - 1) / STEPS) to 2 ** (n / STEPS).

    Place 0 holds all below a millisecond, and place LAST all from 36 days on.
    """
    return 0.5 if place == 0 else float(2 ** ((place - 0.5) / STEPS))


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """The duration in milliseconds that `share` of them do not exceed, from how many there are at each place.

    None: there are none.
    """
    total = sum(counts.values())
    left = share * total
    for place in sorted(counts):
        left -= counts[place]
        if left <= 0 and counts[place] > 0:
            return middle(place)
    return None
