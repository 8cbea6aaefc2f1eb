"""What pages of other origins may read: the few calls that take a token for one job.

Any origin, and never with cookies: the token is the right. See `current.find_reader` for what a cookie counts there.
"""

from __future__ import annotations

from flask import Flask, Response, request

from jobsapp.auth.current import any_origin_admitted

READABLE = "Content-Disposition, Retry-After"
# Longer than browsers remember it.
REMEMBER_SECONDS = 86400


def init_app(app: Flask) -> None:
    app.before_request(_preflight)
    app.after_request(_open)


def _preflight() -> Response | None:
    """Answer the question that comes before a request with a token: it carries none itself."""
    if (
        request.method != "OPTIONS"
        or "Access-Control-Request-Method" not in request.headers
        or not any_origin_admitted()
    ):
        return None
    headers = {
        "Access-Control-Allow-Methods": "GET",
        "Access-Control-Allow-Headers": "Authorization",
        "Access-Control-Max-Age": str(REMEMBER_SECONDS),
    }
    return Response(status=204, headers=headers)


def _open(response: Response) -> Response:
    if any_origin_admitted():
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = READABLE
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
