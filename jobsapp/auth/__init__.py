"""Who is asking: sessions for people, tokens for programs, and the guards in front of both."""

from __future__ import annotations

from flask import Flask

from jobsapp.auth import cookies, cors, headers, oidc, rate, unread
from jobsapp.auth.current import services
from jobsapp.auth.upload import UploadRequest


def init_app(app: Flask) -> None:
    """Uploads go straight to storage, whoever sends them; every answer is narrowed, every refusal arrives. Who asked
    is forgotten with the request."""
    app.request_class = UploadRequest
    cookies.init_app(app)
    headers.init_app(app)
    cors.init_app(app)
    rate.init_app(app)
    unread.init_app(app)
    oidc.init_app(app)
    app.teardown_request(lambda _: services().bounds.clear())
