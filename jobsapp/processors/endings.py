"""How the run of a job may end other than by its result."""

from __future__ import annotations

from datetime import timedelta


class Cancelled(BaseException):
    """Raised inside a processor when cancelling was asked. Let it pass; clean up in `finally`.

    It derives from BaseException so that a processor's `except Exception` cannot swallow it.
    """


class TimedOut(BaseException):
    """Raised inside a processor, at any line, when its attempt took longer than its `timeout`.

    Let it pass; clean up in `finally`. The attempt has failed, whatever is returned afterwards.
    """


class Permanent(Exception):
    """Raise to fail for good: another attempt with the same input cannot help."""


class Retry(Exception):
    """Raise to fail this attempt and ask for another after `after` (seconds or a timedelta)."""

    def __init__(self, message: str = "", *, after: float | timedelta | None = None) -> None:
        super().__init__(message)
        self.after = after if after is None or isinstance(after, timedelta) else timedelta(seconds=after)
