"""Pages are never kept by a cache: they show the state of jobs, and htmx gets another answer than a visitor."""

from __future__ import annotations

from flask import Flask, Response


def init_app(app: Flask) -> None:
    app.after_request(_fresh)


def _fresh(response: Response) -> Response:
    if response.mimetype == "text/html":
        response.headers.setdefault("Cache-Control", "no-store")
        response.vary.add("HX-Request")
    return response
