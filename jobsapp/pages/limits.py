"""Limits of a queue and of the types in it: set and removed on a page of their own."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.errors import FieldError, InvalidInput, NotFound
from jobsapp.pages.guard import signed_in, small
from jobsapp.services.limits import LimitView, NewLimit
from jobsapp.services.queues import QueueView

UNITS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}
FIELDS = {"max_active": "maxActive", "max_starts": "maxStarts", "period": "periodSeconds"}
LABELS = {"maxActive": "“At once”", "maxStarts": "“Starts”", "periodSeconds": "“Period”"}

blueprint = Blueprint("limits", __name__)
blueprint.before_request(small)
blueprint.before_request(signed_in)


@dataclass(frozen=True)
class Form:
    """A limit as it stands in its form. `faults`: what is wrong, by field."""

    scope: str
    key: str
    values: dict[str, str]
    is_set: bool
    faults: dict[str, str]


@blueprint.get("/queues/<name>/limits")
def show(name: str) -> ResponseReturnValue:
    return _page(_queue(name))


@blueprint.get("/queues/<name>/limits/<scope>/<key>")
def back(name: str, **_: str) -> ResponseReturnValue:
    """The address of a form that was refused, loaded again."""
    return redirect(url_for("limits.show", name=name))


@blueprint.post("/queues/<name>/limits/<scope>/<key>")
def save(name: str, scope: str, key: str) -> ResponseReturnValue:
    queue = _queue(name)
    if (scope, key) not in subjects(queue):
        raise NotFound(f"The queue {name} has no {scope} {key}.")
    try:
        services().limits.set(get_actor(), scope, key, parsed(request.form))
    except InvalidInput as error:
        return _page(queue, refused(queue, scope, key, request.form, error)), 422
    return redirect(url_for("queues.index", _anchor=f"queue-{name}"), 303)


@blueprint.post("/queues/<name>/limits/<scope>/<key>/remove")
def remove(name: str, scope: str, key: str) -> ResponseReturnValue:
    services().limits.remove(get_actor(), scope, key)
    return redirect(url_for("queues.index", _anchor=f"queue-{name}"), 303)


def _queue(name: str) -> QueueView:
    queue = next((one for one in services().queues.all(get_actor()) if one.name == name), None)
    if queue is None:
        raise NotFound(f"There is no queue {name}.")
    return queue


def _page(queue: QueueView, again: Form | None = None) -> str:
    forms = [form_of(queue, scope, key) for scope, key in subjects(queue)]
    shown = [again if again and (one.scope, one.key) == (again.scope, again.key) else one for one in forms]
    return render_template("queues/limits.html", queue=queue, forms=shown, units=list(UNITS))


def subjects(queue: QueueView) -> list[tuple[str, str]]:
    """What may have a limit: the queue, and each type in it."""
    return [("queue", queue.name), *(("type", name) for name in queue.types)]


def form_of(queue: QueueView, scope: str, key: str) -> Form:
    """The form of a limit as it is set."""
    limit = next((one for one in queue.limits if (one.scope, one.key) == (scope, key)), None)
    return Form(scope, key, _values(limit), is_set=limit is not None, faults={})


def _values(limit: LimitView | None) -> dict[str, str]:
    unit, period = "seconds", None if limit is None else limit.period_seconds
    if period is not None:
        # The largest in which it is a whole number.
        unit = next((name for name, length in reversed(UNITS.items()) if period % length == 0), unit)
        period /= UNITS[unit]
    numbers = {
        "max_active": None if limit is None else limit.max_active,
        "max_starts": None if limit is None else limit.max_starts,
        "period": period,
    }
    return {name: "" if value is None else f"{value:g}" for name, value in numbers.items()} | {"unit": unit}


def parsed(form: dict[str, str]) -> NewLimit:
    """What was typed. Raises InvalidInput naming each field that is no number."""
    faults: list[FieldError] = []

    def read(field: str, kind: type[int] | type[float], example: str) -> float | None:
        typed = form.get(field, "").strip()
        try:
            return kind(typed) if typed else None
        except ValueError:
            faults.append(FieldError(FIELDS[field], f"must be {example}."))
            return None

    active, starts = (read(name, int, "a whole number, such as 5") for name in ("max_active", "max_starts"))
    period = read("period", float, "a number, such as 60")
    if faults:
        raise InvalidInput("The limit cannot be read.", errors=tuple(faults))
    seconds = None if period is None else period * UNITS.get(form.get("unit", ""), 1.0)
    return NewLimit(
        None if active is None else int(active), None if starts is None else int(starts), period_seconds=seconds
    )


def refused(queue: QueueView, scope: str, key: str, typed: dict[str, str], error: InvalidInput) -> Form:
    """The form again, with what was typed and what is wrong with it."""
    said = {fault.field: _for_people(fault.message) for fault in error.errors}
    faults = {field: said[name] for field, name in FIELDS.items() if name in said}
    values = {name: typed.get(name, "")[:40] for name in (*FIELDS, "unit")}
    return Form(scope, key, values, is_set=form_of(queue, scope, key).is_set, faults=faults)


def _for_people(message: str) -> str:
    """With the fields as the form calls them, and as a sentence."""
    for name, label in LABELS.items():
        message = message.replace(name, label)
    return message[:1].upper() + message[1:]
