"""How numbers, times and names are written for people, as Jinja filters. `static/js/clock.js` writes times alike."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, cast

from flask import Flask, current_app, g
from markupsafe import Markup, escape

from jobsapp.auth.current import organizations, services
from jobsapp.core.actors import Actor
from jobsapp.core.amounts import size as size
from jobsapp.core.rights import Right
from jobsapp.processors.registry import JobType

CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
ABBREVIATIONS = ("API", "AUC", "CSV", "F1", "ID", "JSON", "MAE", "MB", "PR", "RMSE", "ROC", "URL")
SHORT = {name.lower(): name for name in ABBREVIATIONS} | {"r2": "R²"}
CODE = re.compile(r"`([^`]+)`")
PERIODS = (("s", 1), ("min", 60), ("h", 3600))


def init_app(app: Flask) -> None:
    """Filters and globals; none of them needs a request, so live fragments can use them too."""
    app.jinja_env.filters.update(
        number=number,
        size=size,
        duration=duration,
        left=left,
        ago=ago,
        moment=moment,
        clock=clock,
        speed=speed,
        iso=iso,
        local=local,
        percent=percent,
        words=words,
        code=code,
        pretty=pretty,
    )
    app.jinja_env.globals.update(job_type=job_type, viewer=viewer, may=may, organizations=organizations)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def number(value: float) -> str:
    """1234567 → `1,234,567`; fractions keep what matters."""
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"


def duration(milliseconds: float) -> str:
    """`12 ms`, `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if milliseconds < 100:
        return f"{int(milliseconds)} ms"
    seconds = milliseconds / 1000
    if seconds < 10:
        return f"{int(seconds * 10) / 10:.1f} s"
    whole = int(seconds)
    for unit, length, lower, lower_length in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= length:
            rest = whole % length // lower_length
            return f"{whole // length} {unit} {rest} {lower}" if rest else f"{whole // length} {unit}"
    return f"{whole} s"


def left(milliseconds: float) -> str:
    """`about 3 min 20 s left`."""
    return f"about {duration(milliseconds)} left" if milliseconds >= 1000 else "less than 1 s left"


def ago(value: datetime) -> str:
    """`just now`, `5 min ago`, `in 2 h`; older than a week as a date."""
    seconds = (datetime.now(UTC) - value).total_seconds()
    away = abs(seconds)
    if away < 45:
        return "just now" if seconds >= 0 else "in a moment"
    if away > 7 * 86400:
        return f"{value.astimezone(UTC):%-d %b %Y}"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if away >= length or unit == "min":
            break
    count = max(1, int(away // length))
    return f"{count} {unit} ago" if seconds >= 0 else f"in {count} {unit}"


def moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%-d %b %Y, %H:%M:%S} UTC"


def clock(value: datetime) -> str:
    """The time of day."""
    return f"{value.astimezone(UTC):%H:%M:%S}"


def speed(per_second: float, unit: str = "items") -> str:
    """`1,240 items/s`, `12.5 items/min`, `3.1 MB/s`: in the largest of second, minute, hour that gives at least one."""
    if unit == "bytes":
        return f"{size(per_second)}/s"
    name, seconds = next((one for one in PERIODS if per_second * one[1] >= 1), PERIODS[-1])
    amount = per_second * seconds
    return f"{amount:,.{0 if amount >= 100 else 1}f} {unit}/{name}"


def iso(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def local(value: datetime) -> str:
    """As `<input type="datetime-local">` takes it, in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"


def percent(value: float) -> int:
    """Whole per cent, rounded down: 100 is shown when all is done and not before."""
    return int(value)


def words(name: str) -> str:
    """`bytesOut` → `Bytes out`, `on_bad_row` → `On bad row`, `rocAuc` → `ROC AUC`."""
    found = [SHORT.get(one.lower(), one.lower()) for one in CAMEL.sub(" ", name).replace("_", " ").split()]
    text = " ".join(found)
    return text[:1].upper() + text[1:] if text else name


def code(text: str) -> Markup:
    """Escaped, with what stands between backticks set as code."""
    return Markup(CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just here


def pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def job_type(name: str) -> JobType | None:
    """The registered type of that name; None for one that is no longer installed."""
    return services().registry.find(name) if "jobsapp" in current_app.extensions else None


def viewer() -> Actor | None:
    """Who looks at the page, if that was asked before: rendering never asks the database."""
    return cast("Actor | None", g.get("actor"))


def may(right: str) -> bool:
    """Whether who looks at the page has the right of that name."""
    actor = viewer()
    return actor is not None and actor.may(Right(right))
