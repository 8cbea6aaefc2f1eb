"""Charts of what a job measured, as numbers that a template writes down as SVG: no script, nothing loaded."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 10, 26
DRAWN = 400
"""No more points of a line are drawn than the picture has room for."""
TICKS = 4
OTHERS = ""

Line = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Tick:
    """A mark at `place` (units of the picture) that stands for `value`."""

    place: float
    value: float


@dataclass(frozen=True)
class Series:
    """A line. `path`: the `d` of an SVG path; `last`: its newest value; `lowest`, `highest`: of all it ever was."""

    label: str
    path: str
    last: float
    lowest: float
    highest: float
    x: float
    y: float


@dataclass(frozen=True)
class Chart:
    title: str
    series: list[Series]
    steps: list[Tick]
    values: list[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM

    @property
    def words(self) -> str:
        """The chart for those who do not see it."""
        return "; ".join(
            f"{one.label}: now {one.last:.4g}, from {one.lowest:.4g} to {one.highest:.4g}" for one in self.series
        )


def charts_of(metrics: Mapping[str, Line]) -> list[Chart]:
    """A chart for each group of keys that agree up to their first "/"."""
    groups: dict[str, dict[str, Line]] = {}
    for key, line in metrics.items():
        title, _, label = key.partition("/")
        if line:
            groups.setdefault(title, {})[label or title] = line
    return [_chart(title, lines) for title, lines in groups.items()]


def ticks(low: float, high: float, wanted: int = TICKS) -> list[float]:
    """Round numbers within low and high, 1, 2 or 5 times a power of ten apart (as Heckbert's "Nice numbers", 1990)."""
    if not high > low:
        return [low]
    rough = (high - low) / wanted
    if rough < sys.float_info.min:
        # So near to each other that no number is between them.
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    unit = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(low / unit - 1e-9), math.floor(high / unit + 1e-9)
    return [number * unit for number in range(first, last + 1)] or [low]


def _chart(title: str, lines: Mapping[str, Line]) -> Chart:
    x_low, x_high = _range([x for line in lines.values() for x, _ in line])
    y_low, y_high = _range([y for line in lines.values() for _, y in line], air=0.05)

    def x_of(step: float) -> float:
        return round(LEFT + (step - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT), 1)

    def y_of(value: float) -> float:
        return round(HEIGHT - BOTTOM - (value - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM), 1)

    def drawn(label: str, line: Line) -> Series:
        places = [(x_of(x), y_of(y)) for x, y in _thinned(line)]
        values = [y for _, y in line]
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in places)
        return Series(label, path, values[-1], min(values), max(values), *places[-1])

    return Chart(
        title,
        [drawn(label, line) for label, line in lines.items()],
        [Tick(x_of(step), step) for step in ticks(x_low, x_high)],
        [Tick(y_of(value), value) for value in ticks(y_low, y_high)],
    )


def _range(numbers: Sequence[float], air: float = 0.0) -> tuple[float, float]:
    """Lowest and highest, apart, with some of the distance added on both sides."""
    low, high = min(numbers), max(numbers)
    if high - low <= max(abs(low), abs(high)) * 1e-12:
        half = max(abs(high), 1.0) / 2
        return low - half, high + half
    return low - (high - low) * air, high + (high - low) * air


def _thinned(line: Line) -> Line:
    """At most about DRAWN points: of each stretch the lowest and the highest, so that no peak is lost, and the last."""
    if len(line) <= DRAWN:
        return line
    size = math.ceil(2 * len(line) / DRAWN)
    kept = []
    for start in range(0, len(line), size):
        stretch = range(start, min(start + size, len(line)))
        ends = {min(stretch, key=lambda n: line[n][1]), max(stretch, key=lambda n: line[n][1])}
        kept += [line[n] for n in sorted(ends)]
    return kept if kept[-1] == line[-1] else [*kept, line[-1]]
