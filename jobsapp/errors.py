"""Errors that a caller can mend. Each carries the sentence that people read.

Every layer raises these; the API turns them into `application/problem+json`, the pages into
a message beside the field, the command line into one line on stderr.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldError:
    """One fault in the input.

    `field` is the path as the caller wrote it (`data.targetFormat`); `message` says what is wrong
    and how to mend it.
    """

    field: str
    message: str


class JobsappError(Exception):
    """Base of all errors meant for people. `status` is the HTTP status it maps to."""

    status = 500
    code = "internal"
    title = "Something went wrong"

    def __init__(self, detail: str, *, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors


class ConfigError(JobsappError):
    """A setting is missing or wrong; the process refuses to start."""

    code = "config"
    title = "A setting is wrong"


class InvalidInput(JobsappError):
    status = 422
    code = "invalid-input"
    title = "The input is not valid"

    @classmethod
    def of(cls, field: str, message: str) -> InvalidInput:
        return cls(f"{field}: {message}", errors=(FieldError(field, message),))


class NotSignedIn(JobsappError):
    status = 401
    code = "not-signed-in"
    title = "Sign in or send a token"


class Forbidden(JobsappError):
    status = 403
    code = "forbidden"
    title = "You may not do this"


class NotFound(JobsappError):
    status = 404
    code = "not-found"
    title = "There is no such thing here"


class Conflict(JobsappError):
    status = 409
    code = "conflict"
    title = "The state does not allow this"


class TooMany(JobsappError):
    """Asked too often; `retry_after` seconds from now it may be tried again."""

    status = 429
    code = "too-many-requests"
    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TooLarge(JobsappError):
    status = 413
    code = "too-large"
    title = "The upload is too large"


class TooManyTries(JobsappError):
    """Somebody guesses. `retry_after`: in how many seconds one more try is allowed."""

    status = 429
    code = "too-many-tries"
    title = "Too many tries"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(JobsappError):
    """A server behind us (PostgreSQL, Redis) cannot be used right now."""

    status = 503
    code = "unavailable"
    title = "A service is not available"
