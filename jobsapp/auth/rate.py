"""How often the API may be called: by whoever is known, and from an address by who is not.

A token is looked up nowhere, in pages and sockets neither, while those that failed from its address have used up what
strangers may. So nobody guesses faster than that, and a right guess beyond it opens nothing. One that was valid from
there a moment ago is let pass, and costs no question.

Told as draft-ietf-httpapi-ratelimit-headers-11 has it, in `RateLimit-Policy` and `RateLimit`; with Redis that costs one
round trip.
"""

from __future__ import annotations

import hashlib
import ipaddress
from functools import partial

from flask import Flask, Response, g, request

from jobsapp.auth.current import bearer_token, caller_inside, carried_token, services
from jobsapp.auth.familiar import Familiar
from jobsapp.core.actors import Guest, Reader
from jobsapp.core.rates import Rate, Standing, parse_rate
from jobsapp.errors import TooMany

CALLER = "caller"
ADDRESS = "address"
# What one home or office has: who has one address of it has them all.
IPV6_PREFIX = 64
# They ask nobody who it is, and supervisors call them.
UNASKED = ("static", "health.alive", "health.ready")


def init_app(app: Flask) -> None:
    familiar = Familiar()
    app.before_request(partial(_guard, familiar))
    app.after_request(_tell)
    app.after_request(partial(_remember, familiar))


def count_caller(reader: Reader) -> None:
    """Count the request for whoever asks. Raises TooMany."""
    _count(CALLER, _key(reader), parse_rate(services().settings.rate_limit))


def count_stranger() -> None:
    """Count a request that came with no valid token for the address that it came from. Raises TooMany."""
    if g.get("counted"):
        return
    g.counted = True
    _count(ADDRESS, address(request.remote_addr), parse_rate(services().settings.rate_limit_address))


def _guard(familiar: Familiar) -> None:
    """Count a token that is not known to be valid before anybody looks it up. Raises TooMany."""
    token = carried_token()
    if token is None or request.endpoint in UNASKED or caller_inside() is not None:
        return
    g.shown = f"{token}@{address(request.remote_addr)}"
    if not familiar.knows(g.shown):
        count_stranger()


def _remember(familiar: Familiar, response: Response) -> Response:
    if (shown := g.get("shown")) is not None:
        familiar.note(shown, valid=_came_in())
        if _came_in() and g.get("counted"):
            services().rates.forgive(f"{ADDRESS}:{address(request.remote_addr)}")
    return response


def _came_in() -> bool:
    """Whether the token of the request was looked up and found."""
    return g.get("guest") is not None or (bool(g.get("by_token")) and g.get("actor") is not None)


def address(text: str | None) -> str:
    """What counts as one address."""
    try:
        found = ipaddress.ip_address(text or "")
    except ValueError:
        return text or ""
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, IPV6_PREFIX), strict=False))


def _key(reader: Reader) -> str:
    """A token counts by itself, so do all sessions of a user, and for one job each address that shows it."""
    if isinstance(reader, Guest):
        return f"{reader.token_id}@{address(request.remote_addr)}"
    token = bearer_token(request)
    return str(reader.user_id) if token is None else hashlib.sha256(token.encode()).hexdigest()


def _count(policy: str, key: str, rate: Rate | None) -> None:
    if rate is None:
        return
    standing = services().rates.count(f"{policy}:{key}", rate)
    g.rate = (policy, standing)
    if standing.refused:
        raise TooMany(
            f"No more than {rate.amount:,} requests within {rate.seconds:,} s. Try again in {standing.seconds} s.",
            retry_after=standing.seconds,
        )


def _tell(response: Response) -> Response:
    found: tuple[str, Standing] | None = g.get("rate")
    if found is not None and not (found[0] == ADDRESS and _came_in()):
        policy, standing = found
        response.headers["RateLimit-Policy"] = f'"{policy}";q={standing.rate.amount};w={standing.rate.seconds}'
        response.headers["RateLimit"] = f'"{policy}";r={standing.left};t={standing.seconds}'
    return response
