"""The OpenAPI document and its offline Swagger UI: `/api/docs/openapi.json` and `/api/docs`."""

from __future__ import annotations

from typing import Any

from flask import Flask, redirect
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import CSRF_HEADER

SECURITY_SCHEMES: dict[str, Any] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of `flask tokens create --name NAME`.",
    },
    "jobToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of `POST /api/jobs/{id}/tokens`, which reads one job. Pages of any origin may send it.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "jobsapp_session",
        "description": (
            "The session of a signed-in page; behind https the cookie is `__Host-jobsapp_session`. Changes need the "
            f"header `{CSRF_HEADER}` too."
        ),
    },
}

USER_INTERFACE = "/api/docs/swagger"


def init_app(app: Flask) -> None:
    # The library's own start page only lists the one user interface that is installed.
    app.view_functions["openapi.openapi"] = _to_user_interface
    app.add_url_rule("/api/docs", "openapi.start", _to_user_interface)


def _to_user_interface() -> ResponseReturnValue:
    return redirect(USER_INTERFACE)
