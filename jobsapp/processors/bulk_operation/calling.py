"""One call: its tries, pauses and redirects, and what came of it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from jobsapp.core.masks import Mask

from .guard import REFUSED, Guard, blocked
from .model import BulkInput
from .rows import Broken
from .template import KEYED, Request, check_url

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
MOVED = frozenset({301, 302, 303, 307, 308})
LONGEST_PAUSE = 300.0
FIRST_PAUSE = 0.5
KEPT_BYTES = 10_000


@dataclass(frozen=True)
class Answer:
    """`why` None: it went well. `unknown`: the server may have done it or not. `ms`: of the last try."""

    status: int
    ms: float
    tries: int
    body: str
    why: Broken | None = None
    unknown: bool = False


class Pace:
    """When the next call may begin: a steady rate, and pauses that the server asks for."""

    def __init__(self, per_second: float | None) -> None:
        self._gap = 1 / per_second if per_second else 0.0
        self._next = self._held = 0.0

    async def turn(self) -> None:
        """Wait for it. Each takes its own place in the line, and a new one after a pause."""
        while True:
            now = time.monotonic()
            mine = max(now, self._next, self._held)
            self._next = mine + self._gap
            if mine > now:
                await asyncio.sleep(mine - now)
            if self._held <= time.monotonic():
                return

    def hold(self, seconds: float) -> None:
        """Nobody begins before that."""
        self._held = max(self._held, time.monotonic() + seconds)


class Caller:
    """Makes calls. Use it in an `async with` block of its session."""

    def __init__(self, data: BulkInput, guard: Guard) -> None:
        self._data, self._guard = data, guard
        self._pace = Pace(data.rate_per_second)
        self._repeatable = data.method not in KEYED or bool(data.idempotency_header)
        # A server may repeat what it was sent, and its answers are kept in files.
        self._mask = Mask(text.get_secret_value() for text in data.secret_headers.values())
        self._good = frozenset(data.ok_statuses) or frozenset(range(200, 300))

    def session(self) -> aiohttp.ClientSession:
        """No proxy and no passwords from the environment, no cookies, no redirects that were not looked at."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._data.concurrency, socket_factory=self._guard.make_socket),
            timeout=aiohttp.ClientTimeout(total=self._data.timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "jobsapp", "Accept": "application/json, */*;q=0.5"},
            trust_env=False,
        )

    async def call(self, session: aiohttp.ClientSession, request: Request, begin: Callable[[], None]) -> Answer:
        """Try until it is settled. `begin` is called before each try."""
        for tries in range(1, self._data.retries + 2):
            await self._pace.turn()
            begin()
            began, status, body, pause = time.monotonic(), 0, "", 0.0
            try:
                status, body, pause = await self._once(session, request)
                why = None if status in self._good else _refused(status, body)
                again = status in AGAIN and (self._repeatable or status == 429)
                unknown = status >= 500
            except Broken as error:
                why, again, unknown = error, False, False
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                # A call that found no connection was never sent.
                unsent = isinstance(error, aiohttp.ClientConnectorError)
                why, again, unknown = _lost(error, self._data), self._repeatable or unsent, not unsent
            answer = Answer(status, (time.monotonic() - began) * 1000, tries, body, why, unknown)
            if why is None or not again or pause > LONGEST_PAUSE or tries > self._data.retries:
                return answer
            if pause:
                self._pace.hold(pause)
            else:
                await asyncio.sleep(random.uniform(0, min(30.0, FIRST_PAUSE * 2**tries)))  # noqa: S311 - jitter
        return answer

    async def _once(self, session: aiohttp.ClientSession, request: Request) -> tuple[int, str, float]:
        """Status, the beginning of the body, and for how many seconds the server asks to wait."""
        method, url, body = request.method, request.url, request.body
        for _ in range(self._data.redirects + 1):
            self._guard.check_host(check_url(url))
            refused: list[str] = []
            REFUSED.set(refused)
            try:
                async with session.request(
                    method, URL(url, encoded=True), data=body, headers=request.headers, allow_redirects=False
                ) as answer:
                    target = answer.headers.get("Location", "") if answer.status in MOVED else ""
                    if not target or not self._data.redirects:
                        return (
                            answer.status,
                            await _beginning(answer, self._mask),
                            _pause(answer.headers.get("Retry-After", "")),
                        )
                    if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
                        method, body = "GET", None
            except aiohttp.InvalidURL as error:
                raise Broken("bad_url", f"{url[:200]} cannot be called: {error}.") from None
            except aiohttp.ClientConnectorError:
                if refused:
                    raise blocked(refused[0]) from None
                raise
            url = self._followed(url, target)
        raise Broken("redirects", f"More than {self._data.redirects} redirects, the last to {self._short(url)}.")

    def _followed(self, url: str, target: str) -> str:
        """Where a redirect leads. Headers and body are for the host that was named, and for no other."""
        try:
            new = urljoin(url, target)
            stays = _same_host(url, new)
            check_url(new)
        except (ValueError, Broken):
            raise Broken(
                "redirects", f"The server redirects to what cannot be called, {self._short(target)}."
            ) from None
        if not stays:
            raise Broken("redirects", f"The server redirects to another host, {self._short(new)}. It was not followed.")
        return new

    def _short(self, url: str) -> str:
        """What a server sent may repeat a secret: it is cut when there is none in it any more."""
        return self._mask.text(url)[:200]


async def _beginning(answer: aiohttp.ClientResponse, mask: Mask) -> str:
    """So much of the body as is kept, without secrets. The rest is not read: leaving the block closes the connection.

    A little more is read, so that no half of a secret stays where it is cut.
    """
    parts, size, most = [], 0, KEPT_BYTES + mask.longest
    while size < most and (part := await answer.content.read(most - size)):
        parts.append(part)
        size += len(part)
    read = b"".join(parts)
    kept = len(read[:KEPT_BYTES].decode("utf-8", errors="replace"))
    return mask.beginning(read.decode("utf-8", errors="replace"), kept).replace("\0", "\ufffd")


def _same_host(old: str, new: str) -> bool:
    """Raises ValueError for what is no address."""
    before, after = urlsplit(old), urlsplit(new)
    if before.hostname != after.hostname or (before.scheme == "https" and after.scheme != "https"):
        return False
    return before.scheme != after.scheme or before.port == after.port


def _pause(text: str) -> float:
    """Seconds of a Retry-After header: a number or a date (RFC 9110, 10.2.3). 0 if there is none."""
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _refused(status: int, body: str) -> Broken:
    said = " ".join(body.split())[:300]
    return Broken(f"http_{status}", f"The server answered {status}" + (f": {said}" if said else "."))


def _lost(error: Exception, data: BulkInput) -> Broken:
    if isinstance(error, TimeoutError):
        return Broken("timeout", f"No answer within {data.timeout_seconds:g} seconds.")
    if isinstance(error, aiohttp.ClientConnectorError):
        return Broken("no_connection", f"No connection: {error.os_error.strerror or error.os_error}.")
    return Broken("connection_lost", f"The connection was lost: {error or type(error).__name__}.")
