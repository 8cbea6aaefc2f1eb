"""When a job may start, how long it may wait and run, and when it is tried again: what a caller may say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from jobsapp.errors import InvalidInput
from jobsapp.processors.sdk import RetryPolicy

FURTHEST = timedelta(days=3653)
LONGEST_SECONDS = 30 * 86400
"""Of an attempt, and of the pause before the next one."""
LARGEST_FACTOR = 100


@dataclass(frozen=True)
class RetryChanges:
    """What of its type's retry policy is different for a job; None: as the type says."""

    first_seconds: float | None = None
    factor: float | None = None
    ceiling_seconds: float | None = None
    jitter: float | None = None

    def as_policy(self) -> dict[str, float]:
        """The differences by the names that `RetryPolicy` gives them."""
        names = {"first_seconds": "first", "ceiling_seconds": "ceiling"}
        return {names.get(name, name): value for name, value in asdict(self).items() if value is not None}


# By the name in the API: from, to. A start of 0 is allowed for the sake of tests and of jobs that only poll.
RETRY_BOUNDS: Mapping[str, tuple[str, float, float]] = {
    "firstSeconds": ("first_seconds", 0, LONGEST_SECONDS),
    "factor": ("factor", 1, LARGEST_FACTOR),
    "ceilingSeconds": ("ceiling_seconds", 0, LONGEST_SECONDS),
    "jitter": ("jitter", 0, 1),
}


def moment(field: str, value: datetime | None) -> datetime | None:
    """The time in UTC. Raises InvalidInput naming the field: without a zone, or more than ten years ahead."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise InvalidInput.of(field, "needs a time zone, as in 2026-11-23T12:00:00Z.")
    try:
        found = value.astimezone(UTC)
    except OverflowError:
        found = None
    if found is None or found > datetime.now(UTC) + FURTHEST:
        raise InvalidInput.of(field, "must be at most ten years ahead.")
    return found


def refuse_early_expiry(run_at: datetime | None, expires_at: datetime | None) -> None:
    """Raises InvalidInput for a job that could never start."""
    if expires_at is not None and run_at is not None and expires_at <= run_at:
        raise InvalidInput.of("expiresAt", "must be after runAt, or the job could never start.")


def refuse_past_expiry(expires_at: datetime | None, now: datetime | None) -> None:
    """Raises InvalidInput if it is over by `now`, the database's time."""
    if expires_at is not None and now is not None and expires_at <= now:
        raise InvalidInput.of("expiresAt", "is past already; give a later time, or leave it out.")


def refuse_timeout(seconds: float | None) -> None:
    """Raises InvalidInput for a time that no attempt can have."""
    if seconds is not None and not 0 < seconds <= LONGEST_SECONDS:
        raise InvalidInput.of("timeoutSeconds", f"must be more than 0 and at most {LONGEST_SECONDS:,} (30 days).")


def bounded_retry(retry: RetryChanges | None) -> RetryChanges | None:
    """The changes; None if there are none. Raises InvalidInput naming the one that is out of bounds."""
    if retry is None or retry == RetryChanges():
        return None
    for name, (attribute, low, high) in RETRY_BOUNDS.items():
        value = getattr(retry, attribute)
        if value is not None and not low <= value <= high:
            raise InvalidInput.of(f"retry.{name}", f"must be from {low:,} to {high:,}.")
    return retry


def own_retry(policy: RetryPolicy, retry: RetryChanges | None) -> dict[str, float] | None:
    """The column `retry` of a job whose type has this policy. Raises InvalidInput for changes that contradict it."""
    if retry is None:
        return None
    own = retry.as_policy()
    whole = policy.changed(own)
    if "first" in own and whole.first > whole.ceiling:
        fix = "make it smaller, or that larger." if "ceiling" in own else "give a larger retry.ceilingSeconds too."
        raise InvalidInput.of("retry.firstSeconds", f"is more than the longest pause, {whole.ceiling:g} s; {fix}")
    return own
