"""Steps that wait: until when, what ends them, and what they give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from jobsapp.core.workflows.definition import LONGEST_SECONDS, Wait
from jobsapp.core.workflows.expressions import Scope, WrongExpression, rendered


def wake_at(wait: Wait, scope: Scope, now: datetime) -> datetime | None:
    """When the time of a wait is over; None: never. Raises WrongExpression if what is said is no time."""
    if wait.kind == "until":
        return _moment(rendered(wait.until, scope))
    seconds = rendered(wait.seconds, scope) if wait.kind == "seconds" else wait.deadline_seconds
    if seconds is None and wait.kind != "seconds":
        return None
    if isinstance(seconds, str):
        try:
            seconds = float(seconds)
        except ValueError:
            seconds = None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_SECONDS:
        raise WrongExpression(f"waitFor.seconds: must be a number from 0 to {LONGEST_SECONDS:,}.")
    return now + timedelta(seconds=seconds)


def over_at(wait: Wait) -> dict[str, Any]:
    """The result of a step that nobody answered in time."""
    return {"approved": False, "timedOut": True} if wait.approval else {"timedOut": True}


def _moment(value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        if found is not None and found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise WrongExpression("waitFor.until: must be a time with its zone, as in 2026-12-01T08:00:00Z.")
