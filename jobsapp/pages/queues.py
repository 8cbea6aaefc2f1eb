"""Queues: what waits in them, why, and pausing them."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.errors import InvalidInput, NotFound
from jobsapp.pages.guard import signed_in, small
from jobsapp.pages.language import duration, number
from jobsapp.services.limits import LimitView
from jobsapp.services.queues import REASON_LENGTH, QueueView

# Who has waited so long waits for more than the next free worker.
LONG_SECONDS = 60.0

blueprint = Blueprint("queues", __name__)
blueprint.before_request(small)
blueprint.before_request(signed_in)


@blueprint.get("/queues")
def index() -> ResponseReturnValue:
    views, now = services().queues.all(get_actor()), datetime.now(UTC)
    # Those with something to look at first.
    views.sort(key=lambda one: (not one.depth and one.paused is None, one.name))
    shown = [(one, state_of(one), trouble_of(one, now)) for one in views]
    return render_template("queues/index.html", queues=shown, known=all(one.workers is not None for one in views))


@blueprint.get("/queues/<name>/pause")
def ask(name: str) -> ResponseReturnValue:
    return _form(name)


@blueprint.post("/queues/<name>/pause")
def pause(name: str) -> ResponseReturnValue:
    reason = request.form.get("reason", "").strip() or None
    try:
        services().queues.pause(get_actor(), name, reason=reason)
    except InvalidInput as error:
        return _form(name, reason or "", f"The reason {error.errors[0].message}"), 422
    return redirect(url_for("queues.index"), 303)


@blueprint.post("/queues/<name>/resume")
def resume(name: str) -> ResponseReturnValue:
    services().queues.resume(get_actor(), name)
    return redirect(url_for("queues.index"), 303)


def _form(name: str, reason: str = "", fault: str = "") -> str:
    queue = next((one for one in services().queues.all(get_actor()) if one.name == name), None)
    if queue is None:
        raise NotFound(f"There is no queue {name}.")
    return render_template("queues/pause.html", queue=queue, reason=reason, fault=fault, most=REASON_LENGTH)


def state_of(queue: QueueView) -> str:
    """`paused`, `stuck` (nobody takes what waits), `busy` (something waits) or `idle`."""
    if queue.paused:
        return "paused"
    if not queue.depth:
        return "idle"
    return "stuck" if queue.workers == 0 else "busy"


def trouble_of(queue: QueueView, now: datetime) -> str:
    """What is wrong and what to do about it, in words; empty: nothing is."""
    if queue.paused or not queue.depth:
        return ""
    if queue.workers == 0:
        return f"Nobody works on it. Start a worker: `flask worker --queues {queue.name}`"
    if full := [one for one in queue.limits if _is_full(one)]:
        return f"{_said(full[0])} is reached: the next job starts when there is room."
    waited = (now - queue.oldest_at).total_seconds() if queue.oldest_at else 0.0
    if waited >= LONG_SECONDS:
        return f"A job has waited for {duration(waited * 1000)}: the workers are busy with others. Start more of them."
    return ""


def _is_full(limit: LimitView) -> bool:
    active = limit.max_active is not None and (limit.active or 0) >= limit.max_active
    return active or (limit.max_starts is not None and (limit.starts or 0) >= limit.max_starts)


def _said(limit: LimitView) -> str:
    of = "this queue" if limit.scope == "queue" else f"the type {limit.key}"
    if limit.max_active is not None and (limit.active or 0) >= limit.max_active:
        return f"The limit of {number(limit.max_active)} at once for {of}"
    seconds = duration((limit.period_seconds or 0) * 1000)
    return f"The limit of {number(limit.max_starts or 0)} starts in {seconds} for {of}"
