"""Requests to the server: sent again when that may help, and refusals as errors with their sentence."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import httpx2
import msgspec

from jobsapp.client.errors import ClientError, Fault, Refused, Unreachable, kind_of
from jobsapp.client.retries import AGAIN, UNDONE, Repeat, Retries, retry_after

T = TypeVar("T")
UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
NOT_MODIFIED = 304
JSON = {"Content-Type": "application/json"}


class _Problem(msgspec.Struct):
    """The body of an error, RFC 9457."""

    type: str = ""
    title: str = ""
    detail: str = ""
    errors: list[Fault] | None = None


class Wire:
    """`local`: the server is in this process, so there are no sockets, and nothing that comes back by waiting."""

    def __init__(self, http: httpx2.Client, retries: Retries, *, local: bool = False) -> None:
        self.http = http
        self.retries = retries
        self.local = local

    def send(
        self, method: str, path: str, *, repeat: Repeat = Repeat.ALWAYS, timeout: float | None = None, **how: Any
    ) -> httpx2.Response:
        """The answer, whole. Raises Refused, and Unreachable if none came.

        `timeout`: seconds until it begins, if that may take longer than usual. `how`: as httpx2's `request` takes it.
        """
        if timeout is not None:
            how["timeout"] = self.timeout(read=timeout)
        return self._repeated(repeat, lambda: self._whole(method, path, how))

    @contextlib.contextmanager
    def stream(self, method: str, path: str, **how: Any) -> Iterator[httpx2.Response]:
        """The answer, its body left to be read. What breaks while it is read is told as Unreachable."""
        response = self._repeated(Repeat.ALWAYS, lambda: self._asked(method, path, how))
        with self._reading(response):
            yield response

    @contextlib.contextmanager
    def once(self, method: str, path: str, **how: Any) -> Iterator[httpx2.Response]:
        """As `stream`, but asked once."""
        response = self._asked(method, path, how)
        with self._reading(response):
            yield response

    def timeout(self, **seconds: float) -> httpx2.Timeout:
        """That of all requests, some of its steps otherwise: `connect`, `read`, `write`, `pool`."""
        return httpx2.Timeout(**self.http.timeout.as_dict() | seconds)

    def _whole(self, method: str, path: str, how: dict[str, Any]) -> httpx2.Response:
        with self.once(method, path, **how) as response:
            response.read()
            return response

    @contextlib.contextmanager
    def _reading(self, response: httpx2.Response) -> Iterator[None]:
        try:
            with told(self.http):
                yield
        finally:
            response.close()

    def _repeated(self, repeat: Repeat, ask: Callable[[], httpx2.Response]) -> httpx2.Response:
        attempt = 1
        while True:
            try:
                return ask()
            except (Unreachable, Refused) as error:
                pause = self._pause(error, attempt, repeat)
                if pause is None:
                    if isinstance(error, Refused):
                        error.repeated = attempt > 1
                    raise
                time.sleep(pause)
                attempt += 1

    def _asked(self, method: str, path: str, how: dict[str, Any]) -> httpx2.Response:
        request = self.http.build_request(method, path, **how)
        with told(self.http):
            response = self.http.send(request, stream=True)
            if response.is_success or response.status_code in (NOT_MODIFIED, 101):
                return response
            try:
                response.read()
            finally:
                response.close()
        raise refusal(response)

    def _pause(self, error: Unreachable | Refused, attempt: int, repeat: Repeat) -> float | None:
        """Seconds until it is asked again; None: not any more."""
        if attempt >= self.retries.attempts or repeat is Repeat.NEVER:
            return None
        pause = self.retries.pause(attempt)
        if isinstance(error, Unreachable):
            undone = isinstance(error.__cause__, UNSENT)
            return pause if undone or repeat is Repeat.ALWAYS else None
        if error.status not in (AGAIN if repeat is Repeat.ALWAYS else UNDONE):
            return None
        asked = error.retry_after
        if asked is not None and asked > self.retries.longest_wait:
            return None
        return pause if asked is None else max(asked, pause / 2)


@contextlib.contextmanager
def told(http: httpx2.Client) -> Iterator[None]:
    """What happened on the way, as Unreachable."""
    try:
        yield
    except httpx2.RequestError as error:
        raise Unreachable(f"{http.base_url} did not answer: {error or type(error).__name__}.") from error


def refusal(response: httpx2.Response) -> Refused:
    """The error that an answer tells. Its body has been read."""
    status = response.status_code
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = _Problem()
    detail = problem.detail or _without_words(response)
    return kind_of(status)(
        detail,
        status=status,
        code=problem.type.rpartition(":")[2],
        title=problem.title,
        errors=tuple(problem.errors or ()),
        retry_after=retry_after(response.headers.get("Retry-After")),
    )


def decode(response: httpx2.Response, kind: type[T]) -> T:
    """The answer as a value. Raises ClientError if it is none of this API's."""
    try:
        return msgspec.json.decode(response.content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ClientError(f"{response.url} does not answer as jobsapp does ({error}). Is the address right?") from error


def query(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a query."""
    return {name: value for name, value in fields.items() if value is not None}


def _without_words(response: httpx2.Response) -> str:
    said = f"{response.request.url} answered {response.status_code} {response.reason_phrase}".rstrip()
    there = response.headers.get("Location")
    return f"{said}: use the address {there}." if there else f"{said}."
