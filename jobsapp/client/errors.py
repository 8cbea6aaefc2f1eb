"""What can go wrong for a program that uses jobsapp. `str(error)` is a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass


class ClientError(Exception):
    """Base of all errors of this package.

    Example:
        try:
            client.get("0198b7a2-6f3c-7c11-9b2e-3f0a5d6c7e88")
        except ClientError as error:
            print(error)
    """


class Unreachable(ClientError):
    """No answer came, however often it was tried."""


class TimedOut(ClientError, TimeoutError):
    """What was waited for did not come in time. The job goes on."""


class Damaged(ClientError):
    """The bytes that arrived are not those that the server has; nothing was kept."""


class NoSocket(ClientError):
    """Live events do not come through: this server, or something before it, does not open the socket."""


@dataclass(frozen=True)
class Fault:
    """One fault in the input. `field` is the path as it was sent (`data.targetFormat`); empty: all of it."""

    field: str
    message: str


class Refused(ClientError):
    """The server answered with an error: `status` of HTTP, `code` its kind (`invalid-input`), `title`, `detail`.

    `retry_after`: seconds after which the server wants to be asked again. `repeated`: it was asked more than once.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int = 0,
        code: str = "",
        title: str = "",
        errors: tuple[Fault, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.code = code
        self.title = title
        self.errors = errors
        self.retry_after = retry_after
        self.repeated = False


class InvalidInput(Refused):
    """The input is wrong; `errors` names the fields (400, 415, 422)."""


class NotSignedIn(Refused):
    """The token is missing, unknown, revoked or expired (401)."""


class Forbidden(Refused):
    """The token's user may not do this (403)."""


class NotFound(Refused):
    """There is no such thing in the organisation (404)."""


class Conflict(Refused):
    """The state of the job does not allow it (409)."""


class TooLarge(Refused):
    """More bytes than the server takes (413)."""


class RateLimited(Refused):
    """Too many requests, and `retry_after` is longer than the client waits by itself (429)."""


class ServerFailed(Refused):
    """The server could not do it (5xx)."""


BY_STATUS: dict[int, type[Refused]] = {
    400: InvalidInput,
    401: NotSignedIn,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    415: InvalidInput,
    422: InvalidInput,
    429: RateLimited,
}


def kind_of(status: int) -> type[Refused]:
    """The error for a status of HTTP."""
    return ServerFailed if status >= 500 else BY_STATUS.get(status, Refused)
