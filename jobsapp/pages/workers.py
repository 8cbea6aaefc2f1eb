"""Workers: what they do now, stopping them, and whether what stands behind them is well."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import NamedTuple

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.core.amounts import size
from jobsapp.pages.guard import signed_in, small
from jobsapp.pages.language import number, words
from jobsapp.services.checks import CheckView
from jobsapp.services.workers import WorkerState, WorkersView

# In the order in which they are counted; those that need somebody come last, where the eye stops.
STATES: tuple[WorkerState, ...] = ("busy", "idle", "starting", "stopping", "stopped", "silent")

blueprint = Blueprint("workers", __name__)
blueprint.before_request(small)
blueprint.before_request(signed_in)


class Fact(NamedTuple):
    """What was measured, in words. `at`: it is this moment."""

    label: str
    text: str
    at: datetime | None = None


@blueprint.get("/workers")
def index() -> ResponseReturnValue:
    # First: if Redis is away, this waits for it, and nobody else does.
    system = services().system.look(get_actor())
    found = services().workers.all(get_actor())
    return render_template("workers/index.html", system=system, found=found, counts=counts(found), facts=facts)


@blueprint.get("/workers/<name>/stop")
def ask(name: str) -> ResponseReturnValue:
    worker = services().workers.get(get_actor(), name)
    grace = services().settings.stop_grace_seconds
    return render_template("workers/stop.html", worker=worker, grace=grace)


@blueprint.post("/workers/<name>/stop")
def stop(name: str) -> ResponseReturnValue:
    services().workers.stop(get_actor(), name)
    return redirect(url_for("workers.index"), 303)


@blueprint.post("/workers/<name>/start")
def start(name: str) -> ResponseReturnValue:
    services().workers.start(get_actor(), name)
    return redirect(url_for("workers.index"), 303)


def counts(found: WorkersView) -> str:
    """`3 workers: 2 busy, 1 idle`."""
    states = Counter(one.state for one in found.workers)
    if not states:
        return ""
    total = len(found.workers)
    parts = [f"{number(states[state])} {state}" for state in STATES if states[state]]
    return f"{number(total)} {'worker' if total == 1 else 'workers'}: {', '.join(parts)}"


def facts(check: CheckView) -> list[Fact]:
    """What was measured, for people."""
    return [_fact(name, value) for name, value in check.facts.items() if value is not None]


def _fact(name: str, value: str | float) -> Fact:
    if isinstance(value, str):
        at = datetime.fromisoformat(value) if name.endswith("Since") else None
        return Fact(words(name), value, at)
    if name.endswith("Bytes"):
        return Fact(words(name.removesuffix("Bytes")), size(value))
    if name.endswith("Ms"):
        return Fact(words(name.removesuffix("Ms")), f"{number(value)} ms")
    # The number of a process is a name: it has no separators.
    return Fact(words(name), str(value) if name == "process" else number(value))
