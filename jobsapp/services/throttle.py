"""Guessing is slow: wrong tries to sign in are counted by address and by e-mail, and beyond a number they have to wait.

No account is ever locked. Who guesses from elsewhere makes the owner wait a minute at most, and not even that at an
address from which the owner came in before: those are counted apart. A one-time link works in any case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute

from jobsapp.bus.windows import Windows
from jobsapp.errors import NotSignedIn, TooManyTries

BY_ADDRESS = RateLimitItemPerMinute(20, 5, namespace="address")
BY_EMAIL = RateLimitItemPerMinute(10, 1, namespace="email")
BY_EMAIL_AT_HOME = RateLimitItemPerMinute(10, 1, namespace="home")
# Full with one: whoever signed in there is at home there.
HOME = RateLimitItemPerDay(1, 30, namespace="at-home")
# What one customer of a provider has of IPv6: it could use each address of it once.
IPV6_PREFIX = 64

Counted = tuple[RateLimitItem, tuple[str, ...]]


class Throttle:
    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    @contextmanager
    def attempt(self, address: str, email: str = "") -> Iterator[None]:
        """One try to sign in from `address`, as `email` if it names somebody. What raises NotSignedIn is counted.

        Raises TooManyTries, before anything is tried.
        """
        place, name = network(address), _name(email)
        counted = self._counted(place, name)
        wait = max(self._windows.wait(limit, *key) for limit, key in counted)
        if wait:
            raise TooManyTries(f"There were too many wrong tries. Try again in {_words(wait)}.", retry_after=wait)
        try:
            yield
        except NotSignedIn:
            for limit, key in counted:
                self._windows.add(limit, *key)
            raise
        if name:
            self._windows.add(HOME, place, name)

    def _counted(self, place: str, name: str) -> list[Counted]:
        counted: list[Counted] = [(BY_ADDRESS, (place,))]
        if not name:
            return counted
        at_home = self._windows.wait(HOME, place, name) > 0
        return [*counted, (BY_EMAIL_AT_HOME, (place, name)) if at_home else (BY_EMAIL, (name,))]


def network(address: str) -> str:
    """Whom to count: an IPv4 address, the network of an IPv6 one, otherwise the text as it is."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(IPv6Address(int(found) >> IPV6_PREFIX << IPV6_PREFIX))


def _name(email: str) -> str:
    """Of any length, and nothing that tells who it is."""
    return hashlib.sha256(email.strip().lower().encode(errors="replace")).hexdigest() if email else ""


def _words(seconds: int) -> str:
    if seconds < 100:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    return f"{-(-seconds // 60)} minutes"
