"""Headers that narrow what a page may do: all of it comes from us, nothing is inline, nobody frames us."""

from __future__ import annotations

from flask import Flask, Response, request

DOCS = "/api/docs/"
NARROW = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# Swagger's own page has an inline script and inline styles.
DOCS_POLICY = NARROW | {"script-src": "'self' 'unsafe-inline'", "style-src": "'self' 'unsafe-inline'"}


def init_app(app: Flask) -> None:
    app.after_request(_add)


def _add(response: Response) -> Response:
    policy = DOCS_POLICY if request.path.startswith(DOCS) else NARROW
    for name, value in {
        "Content-Security-Policy": "; ".join(" ".join(part) for part in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }.items():
        response.headers.setdefault(name, value)
    return response
