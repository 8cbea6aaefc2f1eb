"""Where calls may go: every address is checked at the socket that is about to connect to it.

So a name that points inside, one that points elsewhere the second time it is asked for, and an address in any
notation are all the same: what counts is the address that the system would connect to.
"""

from __future__ import annotations

import socket
from contextvars import ContextVar
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

import ssrfguard

from jobsapp.config import Settings
from jobsapp.processors.sdk import Permanent

from .rows import Broken

REFUSED: ContextVar[list[str]] = ContextVar("REFUSED")
"""Addresses that were refused to the call at hand."""


class Guard:
    """The rule: public addresses, and the networks of JOBSAPP_BULK_ALLOWED_ADDRESSES."""

    def __init__(self, settings: Settings) -> None:
        networks = [name.strip() for name in settings.bulk_allowed_addresses.split(",") if name.strip()]
        try:
            self._policy = ssrfguard.Policy(allowed_networks=networks)  # type: ignore[arg-type]
        except ValueError as error:
            raise Permanent(f"JOBSAPP_BULK_ALLOWED_ADDRESSES: {error}.") from None
        # Most calls of a job go to one host.
        self._permits = lru_cache(1_000)(self._looked_up)

    def make_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """For aiohttp's connector, which gives an entry of `getaddrinfo`. Raises OSError instead of a socket."""
        family, kind, protocol, _, address = info
        if not self._policy.permits_address(address[0]):
            REFUSED.get([]).append(address[0])
            raise OSError(f"{address[0]} is not a public address")
        return socket.socket(family=family, type=kind, proto=protocol)

    def check_host(self, host: str) -> None:
        """Raises `Broken` if it is an address, and one that is refused. Names are checked when they are resolved."""
        if not self._permits(host):
            raise blocked(host)

    def _looked_up(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return True
        return bool(self._policy.permits_address(address))


def blocked(address: str) -> Broken:
    return Broken(
        "blocked_address", f"{address} is not a public address. The administrator may allow it for bulk operations."
    )
