"""HTTP to addresses that somebody typed: to public ones only, checked where the connection is made, and never for long.

So names that resolve inside, or otherwise the second time, come to the same as their addresses. Redirects are answers
like others: nothing is sent after them.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from jobsapp.runtime.senders.result import ANSWER_LENGTH, Result
from jobsapp.services.outbound import policy_of

# The library is of use only where there is something to send.
if TYPE_CHECKING:
    import requests

TIMEOUT = (5.0, 10.0)
"""Seconds to connect, and for each wait for something of an answer."""
TOTAL_SECONDS = 20.0
"""For everything, however slowly it comes."""
AGENT = "jobsapp"
SETTING = "JOBSAPP_NOTIFICATION_ALLOWED_ADDRESSES"


class Outgoing:
    """`networks`: private ones that are allowed all the same."""

    def __init__(self, networks: Sequence[str]) -> None:
        self.policy = policy_of(tuple(networks))

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Result:
        """Send it once."""
        import requests
        from ssrfguard import SSRFGuardError

        try:
            with self.session() as session:
                answer = session.post(
                    url, data=body, headers=dict(headers), timeout=TIMEOUT, allow_redirects=False, stream=True
                )
                said = beginning(answer)
        except (requests.RequestException, SSRFGuardError, OSError) as error:
            return Result.failed(said_of(error))
        return _result(answer, said)

    @contextmanager
    def session(self) -> Iterator[requests.Session]:
        """One for a few requests: no proxies or passwords of the environment, and an end after TOTAL_SECONDS."""
        import ssrfguard.requests

        with ExitStack() as stack:
            session = stack.enter_context(ssrfguard.requests.Session(policy=self.policy))
            session.trust_env = False
            session.headers["User-Agent"] = AGENT
            stack.enter_context(_bounded(session))
            yield session


def beginning(answer: requests.Response) -> str:
    """The first of the body; the rest is not read."""
    parts, size = [], 0
    for part in answer.iter_content(ANSWER_LENGTH):
        parts.append(part)
        size += len(part)
        if size >= ANSWER_LENGTH:
            break
    return b"".join(parts)[:ANSWER_LENGTH].decode("utf-8", errors="replace").replace("\0", "\ufffd")


def said_of(error: Exception) -> str:
    """The error as people read it, without the address's secrets."""
    import requests
    from ssrfguard import BlockedAddressError, BlockedURLError

    if isinstance(error, BlockedAddressError | BlockedURLError):
        return f"The address is not a public one, so nothing was sent. The operator may allow it by {SETTING}."
    if isinstance(error, requests.Timeout):
        return f"No answer within {TIMEOUT[1]:g} seconds."
    if isinstance(error, requests.exceptions.SSLError):
        return "The receiver's certificate is not valid."
    if isinstance(error, requests.ConnectionError) and "NameResolution" in repr(error):
        return "The receiver's name is not known."
    if isinstance(error, requests.ConnectionError):
        return "No connection, or it was lost."
    return f"It could not be sent: {type(error).__name__}."


def retry_after(text: str | None) -> float | None:
    """Seconds of a Retry-After header: a number or a date (RFC 9110, 10.2.3)."""
    if text and text.strip().isascii() and text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text or "") - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _result(answer: requests.Response, said: str) -> Result:
    status = answer.status_code
    if 200 <= status < 300:
        return Result(status, said)
    why = f"The receiver answered {status}."
    if 300 <= status < 400:
        why = f"The receiver answered {status}, a redirect. It is not followed: give the address itself."
    if status == 410:
        return Result(status, said, "The receiver answered 410: it is gone, and wants no more messages.", gone=True)
    return Result(status, said, why, retry_after(answer.headers.get("Retry-After")))


@contextmanager
def _bounded(session: requests.Session) -> Iterator[None]:
    """Cut what is still open after TOTAL_SECONDS: a receiver that sends a letter every few seconds never times out."""
    opened: list[socket.socket] = []

    def cut() -> None:
        for one in opened:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    _note_sockets(session, opened)
    timer = threading.Timer(TOTAL_SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        for one in opened:
            one.close()


def _note_sockets(session: requests.Session, opened: list[socket.socket]) -> None:
    manager: Any = session.get_adapter("https://example.org").poolmanager  # type: ignore[attr-defined]
    noted = {}
    for scheme, pool in manager.pool_classes_by_scheme.items():

        class Noted(pool.ConnectionCls):  # type: ignore[misc, name-defined]
            def _new_conn(self) -> socket.socket:
                made: socket.socket = super()._new_conn()
                # Of its own: TLS takes the other one over.
                opened.append(made.dup())
                return made

        noted[scheme] = type(pool.__name__, (pool,), {"ConnectionCls": Noted})
    manager.pool_classes_by_scheme = noted
