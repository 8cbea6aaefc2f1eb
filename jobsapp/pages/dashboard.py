"""The dashboard: what runs, waits and failed, what needs a look, and how it went over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.core.actors import Actor
from jobsapp.core.periods import HOUR, MINUTE
from jobsapp.core.states import Status
from jobsapp.pages import workers
from jobsapp.pages.guard import signed_in, small
from jobsapp.pages.language import number
from jobsapp.pages.queues import state_of, trouble_of
from jobsapp.pages.time_charts import Line, TimeChart, share, shares, spark, stacked, times, took
from jobsapp.services.past import Past, Tally
from jobsapp.services.queues import QueueView
from jobsapp.services.stats import StatsView

blueprint = Blueprint("dashboard", __name__)
blueprint.before_request(small)
blueprint.before_request(signed_in)
blueprint.add_app_template_filter(share)
blueprint.add_app_template_filter(took)


@dataclass(frozen=True)
class Choice:
    """A period that can be chosen. `step`: seconds of a stretch of its charts."""

    key: str
    title: str
    words: str
    hours: int
    step: int


CHOICES = (
    Choice("1h", "1 hour", "in the last hour", 1, MINUTE),
    Choice("24h", "24 hours", "in the last 24 hours", 24, HOUR),
    Choice("7d", "7 days", "in the last 7 days", 7 * 24, 6 * HOUR),
)
USUAL = CHOICES[1]


@dataclass(frozen=True)
class Address:
    """What the address of the dashboard says: the period and the type."""

    choice: Choice
    type: str | None

    @classmethod
    def of_request(cls) -> Address:
        wanted, kind = request.args.get("period"), request.args.get("type")
        choice = next((one for one in CHOICES if one.key == wanted), USUAL)
        return cls(choice, kind if kind and services().registry.find(kind) else None)

    def path(self, **changes: str | None) -> str:
        """The dashboard with some of this changed."""
        return _path("/dashboard", {"period": self.choice.key, "type": self.type} | changes)

    @property
    def board(self) -> str:
        """The part of it that changes."""
        return _path("/dashboard/board", {"period": self.choice.key, "type": self.type})

    def jobs(self, status: str, kind: str | None = None) -> str:
        """The list of such jobs. The list knows when jobs were created, not when they ended, so all are in it."""
        return _path("/jobs", {"type": kind or self.type, "status": status})


@dataclass(frozen=True)
class TypeRow:
    """A type: what there is of it now, and what ended in the period."""

    name: str
    active: int
    pending: int
    past: Tally
    spark: str
    most: int
    """The most that ended in one stretch."""


@blueprint.get("/dashboard")
def index() -> ResponseReturnValue:
    address = Address.of_request()
    return render_template(
        "dashboard/index.html",
        address=address,
        choices=CHOICES,
        types=services().registry,
        **_numbers(get_actor(), address),
        **_system(get_actor()),
    )


@blueprint.get("/dashboard/board")
def board() -> ResponseReturnValue:
    """The part of the page that changes. It asks no other server."""
    address = Address.of_request()
    return render_template("dashboard/board.html", address=address, choices=CHOICES, **_numbers(get_actor(), address))


@blueprint.get("/dashboard/system")
def system() -> ResponseReturnValue:
    """The part of the page that other servers are asked for."""
    return render_template("dashboard/system.html", **_system(get_actor()))


def _system(actor: Actor) -> dict[str, Any]:
    # First: if Redis is away, this waits for it, and the next does not.
    checks = services().system.look(actor)
    found = services().workers.all(actor)
    return {"system": checks, "found": found, "worker_counts": workers.counts(found), "facts": workers.facts}


def _numbers(actor: Actor, address: Address) -> dict[str, Any]:
    hours, kind = address.choice.hours, address.type
    stats = services().stats.view(actor, whole_organization=True)
    past = services().history.past(actor, hours=hours, step_seconds=address.choice.step, type_name=kind)
    return {
        "anything": stats.total > 0 or past.whole.total > 0,
        "now": _now(stats, kind),
        "past": past.whole,
        "troubles": list(_troubles(services().queues.all(actor), kind)),
        "failures": services().history.failures(actor, hours=hours, step_seconds=address.choice.step, type_name=kind),
        "charts": _charts(past, address.choice),
        "starts": past.period.starts,
        "rows": _rows(stats, past, kind),
    }


def _path(page: str, values: Mapping[str, str | None]) -> str:
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{page}?{query}" if query else page


def _now(stats: StatsView, kind: str | None) -> Mapping[str, int]:
    """How many jobs there are, by status."""
    nothing = dict.fromkeys(stats.by_status, 0)
    return stats.by_status if kind is None else stats.by_type.get(kind, nothing)


def _troubles(queues: list[QueueView], kind: str | None) -> Iterator[tuple[QueueView, str, str]]:
    """Queues that hold jobs back, with their state, and what to do in words (nothing for a paused one)."""
    now = datetime.now(UTC)
    for queue in queues:
        state, trouble = state_of(queue), trouble_of(queue, now)
        if (trouble or state == "paused") and (kind is None or kind in queue.types):
            yield queue, state, trouble


def _rows(stats: StatsView, past: Past, kind: str | None) -> list[TypeRow]:
    """Those with something to tell, the busiest first."""
    names = {kind} if kind else {*stats.by_type, *past.types}
    rows = []
    for name in names:
        there = stats.by_type.get(name, {})
        line = past.throughput.get(name, [0] * past.period.stretches)
        tally = past.types.get(name, Tally())
        active, pending = there.get(Status.ACTIVE, 0), there.get(Status.PENDING, 0)
        rows.append(TypeRow(name, active, pending, tally, spark(line), max(line)))
    return sorted(rows, key=lambda row: (-row.active - row.pending - row.past.total, row.name))


def _charts(past: Past, choice: Choice) -> list[TimeChart]:
    period, whole, points = past.period, past.whole, list(past.points.values())
    ends = [
        Line("Completed", "completed", [one.completed for one in points], number(whole.completed)),
        Line("Failed", "failed", [one.failed for one in points], number(whole.failed)),
        Line("Cancelled", "cancelled", [one.cancelled for one in points], number(whole.cancelled)),
    ]
    said = ", ".join(f"{one.total} {one.label.lower()}" for one in ends)
    rate = Line("Failed", "failed", [one.failure_rate for one in points], share(whole.failure_rate))
    half = Line("Half of them within (p50)", "0", [one.p50 for one in points], took(whole.p50))
    most = Line("95 of 100 within (p95)", "1", [one.p95 for one in points], took(whole.p95))
    of_rate = f"Of the jobs that completed or failed {choice.words}, {rate.total} failed."
    of_times = f"Of the jobs completed {choice.words}, half took up to {half.total}, 95 of 100 up to {most.total}."
    return [
        stacked("Throughput", f"Jobs that ended {choice.words}: {said}.", period, ends),
        shares("Failure rate", of_rate, period, [rate]),
        times("Durations", of_times, period, [half, most]),
    ]
