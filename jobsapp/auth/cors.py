"""What pages of other origins may read: with a token, never by a cookie.

Any origin: the few calls that take a token for one job, which is the right to read it. Those that the setting names:
all of the API. See `current.find_reader` and `refuse_cookies` for what a cookie counts there.
"""

from __future__ import annotations

from flask import Flask, Response, request

from jobsapp.auth.current import any_origin_admitted, bearer_token, foreign_origin, services
from jobsapp.errors import NotSignedIn

READABLE = "Content-Disposition, Retry-After"
ALL_READABLE = f"ETag, Location, Preference-Applied, RateLimit, RateLimit-Policy, {READABLE}"
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
SENDABLE = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Prefer, Range"
API = "/api/"
# Longer than browsers remember it.
REMEMBER_SECONDS = 86400


def init_app(app: Flask) -> None:
    app.before_request(_preflight)
    app.after_request(_open)


def refuse_cookies() -> None:
    """Raises NotSignedIn for a page of an admitted origin without a token: what its cookie opens is not for it."""
    if _origin_admitted() and bearer_token(request) is None:
        raise NotSignedIn("From a page of another origin send `Authorization: Bearer TOKEN`: a cookie does not count.")


def _origin_admitted() -> str | None:
    """The origin of the page that asks, if it is another than ours and the setting names it."""
    origin = request.headers.get("Origin")
    named = request.path.startswith(API) and origin in services().settings.cors_origin_list
    return origin if named and foreign_origin() else None


def _preflight() -> Response | None:
    """Answer the question that comes before a request with a token: it carries none itself."""
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    admitted = _origin_admitted()
    if not admitted and not any_origin_admitted():
        return None
    headers = {
        "Access-Control-Allow-Methods": METHODS if admitted else "GET",
        "Access-Control-Allow-Headers": SENDABLE if admitted else "Authorization",
        "Access-Control-Max-Age": str(REMEMBER_SECONDS),
    }
    return Response(status=204, headers=headers)


def _open(response: Response) -> Response:
    admitted = _origin_admitted()
    if admitted or any_origin_admitted():
        response.headers["Access-Control-Allow-Origin"] = admitted or "*"
        response.headers["Access-Control-Expose-Headers"] = ALL_READABLE if admitted else READABLE
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if services().settings.cors_origin_list and request.path.startswith(API):
        response.vary.add("Origin")
    return response
