"""The OpenAPI document and its offline Swagger UI: `/api/docs/openapi.json` and `/api/docs/`."""

from __future__ import annotations

from typing import Any

from flask import Flask

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

# The library's own start page only lists the one user interface that is installed.
START_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>API</title>
<meta http-equiv="refresh" content="0; url=swagger"></head>
<body><a href="swagger">API documentation</a></body></html>
"""


def init_app(app: Flask) -> None:
    app.config["OPENAPI_HTML_STRING"] = START_PAGE
