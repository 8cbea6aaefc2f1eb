"""Charts of what happened over time: stacked bars and lines, as numbers that a template writes down as SVG.

What is drawn is stretched to the room there is; what is written beside it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from jobsapp.core.periods import DAY, HOUR, MINUTE, Period
from jobsapp.pages.charts import ticks
from jobsapp.pages.language import duration, number

WIDTH, HEIGHT = 1000, 180
SPARK_WIDTH, SPARK_HEIGHT = 120, 28
TOP = 8
GAP = 0.18
"""Share of a stretch that no bar covers."""
SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
# Round times in milliseconds, for the marks of a scale.
ROUND = (
    *(factor * power for power in (1, 10, 100) for factor in (1, 2, 5)),
    *(seconds * 1000 for seconds in (1, 2, 5, 10, 15, 30)),
    *(minutes * 60_000 for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * 3_600_000 for hours in (1, 2, 6, 12, 24, 48, 120, 240)),
)
MARKS = 4

Values = Sequence[float | None]
Write = Callable[[float], str]


@dataclass(frozen=True)
class Line:
    """What to draw: a value for each stretch, None where there is none. `look`: a status, or a number of a series."""

    label: str
    look: str
    values: Values
    total: str = ""


@dataclass(frozen=True)
class Mark:
    place: float
    text: str


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Drawn:
    """A line as it is drawn: its bars, or the `d` of a path; `dots`: the same for what stands alone."""

    label: str
    look: str
    total: str
    bars: list[Bar] = field(default_factory=list)
    path: str = ""
    dots: str = ""


@dataclass(frozen=True)
class TimeChart:
    title: str
    words: str
    """The chart for those who do not see it."""
    series: list[Drawn]
    marks: list[Mark]
    times: list[str]
    """How long ago, at equal distances."""
    rows: list[tuple[int, list[str]]]
    """For each stretch in which something was, the last first: its place, and the values as they are written."""
    width: int = WIDTH
    height: int = HEIGHT


def share(rate: float | None) -> str:
    """0.0312 → `3.1 %`. What is not nothing, or not all, is never written so."""
    if rate is None:
        return "–"
    return f"{min(max(rate * 100, 0.1), 99.9):.1f} %" if 0 < rate < 1 else f"{rate * 100:.0f} %"


def took(milliseconds: float | None) -> str:
    """A duration that may not be known."""
    return "–" if milliseconds is None else duration(milliseconds)


def stacked(title: str, words: str, period: Period, lines: Sequence[Line]) -> TimeChart:
    """Whole numbers as bars on top of each other, the first at the bottom."""
    high = max(1.0, *(sum(one.values[n] or 0 for one in lines) for n in range(period.stretches)))
    step = WIDTH / period.stretches
    below = [0.0] * period.stretches
    drawn = []
    for one in lines:
        bars = []
        for place, value in enumerate(one.values):
            if value:
                bottom, below[place] = below[place], below[place] + value
                top = _height(below[place], high)
                height = round(_height(bottom, high) - top, 1)
                bars.append(Bar(round((place + GAP / 2) * step, 1), top, round(step * (1 - GAP), 1), height))
        drawn.append(Drawn(one.label, one.look, one.total, bars=bars))
    marks = [value for value in ticks(0, high) if float(value).is_integer()]
    return _chart(title, words, period, drawn, lines, high, marks, number)


def shares(title: str, words: str, period: Period, lines: Sequence[Line]) -> TimeChart:
    """Lines of numbers between 0 and 1, with gaps where there is nothing."""
    most = max(_known(lines), default=0.0)
    high = next(one for one in SHARES if most <= one)
    return _chart(title, words, period, _curves(period, lines, high), lines, high, [0, high / 2, high], share)


def times(title: str, words: str, period: Period, lines: Sequence[Line]) -> TimeChart:
    """Lines of durations in milliseconds, with gaps where there is nothing."""
    high = max(_known(lines), default=1000.0) * 1.05
    step = next((one for one in ROUND if high / one <= MARKS), high)
    marks = [n * step for n in range(int(high / step) + 1)]
    return _chart(title, words, period, _curves(period, lines, high), lines, high, marks, duration)


def spark(values: Sequence[int]) -> str:
    """The `d` of a small line without a scale, SPARK_WIDTH by SPARK_HEIGHT."""
    high, last = max(1, *values), max(1, len(values) - 1)
    places = [
        (round(1 + n / last * (SPARK_WIDTH - 2), 1), round(SPARK_HEIGHT - 2 - value / high * (SPARK_HEIGHT - 4), 1))
        for n, value in enumerate(values)
    ]
    return _joined(places)


def _chart(
    title: str,
    words: str,
    period: Period,
    drawn: list[Drawn],
    lines: Sequence[Line],
    high: float,
    marks: Sequence[float],
    write: Write,
) -> TimeChart:
    rows = [
        (place, ["–" if value is None else write(value) for value in values])
        for place, values in enumerate(zip(*(one.values for one in lines), strict=True))
        if any(value is not None for value in values) and (write is not number or any(values))
    ]
    places = [Mark(_height(value, high), write(value)) for value in marks]
    return TimeChart(title, words, drawn, places, _times(period), rows[::-1])


def _known(lines: Sequence[Line]) -> list[float]:
    return [value for one in lines for value in one.values if value is not None]


def _height(value: float, high: float) -> float:
    return round(HEIGHT - value / high * (HEIGHT - TOP), 1)


def _curves(period: Period, lines: Sequence[Line], high: float) -> list[Drawn]:
    """Each line through neighbours, and what has none as a dot."""
    drawn = []
    for one in lines:
        runs: list[list[tuple[float, float]]] = [[]]
        for place, value in enumerate(one.values):
            if value is None:
                runs.append([])
            else:
                runs[-1].append((round((place + 0.5) * WIDTH / period.stretches, 1), _height(value, high)))
        path = "".join(_joined(run) for run in runs if len(run) > 1)
        dots = "".join(f"M{run[0][0]:g} {run[0][1]:g}h0" for run in runs if len(run) == 1)
        drawn.append(Drawn(one.label, one.look, one.total, path=path, dots=dots))
    return drawn


def _joined(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in places)


def _times(period: Period) -> list[str]:
    """How long ago, and not by the clock: so it is right in every time zone. At the quarters if they are round."""
    whole = period.stretches * period.step_seconds
    parts = 4 if whole % (4 * _unit(whole)[1]) == 0 else 2
    return [*(_ago(whole * n / parts) for n in range(parts, 0, -1)), "now"]


def _ago(seconds: float) -> str:
    unit, length = _unit(seconds)
    return f"{seconds / length:g} {unit} ago"


def _unit(seconds: float) -> tuple[str, int]:
    return next((one for one in (("d", DAY), ("h", HOUR)) if seconds > one[1]), ("min", MINUTE))
