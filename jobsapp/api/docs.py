"""The OpenAPI document and its offline Swagger UI: `/api/docs/openapi.json` and `/api/docs`."""

from __future__ import annotations

from typing import Any, NoReturn

from flask import Flask, redirect
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import CSRF_HEADER
from jobsapp.errors import NotFound

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


# The library's own has an inline script and inline styles, which no page of ours has.
SWAGGER_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>API of jobsapp</title>
<link rel="icon" href="/static/favicon.svg">
<link rel="stylesheet" href="swagger/css/swagger-ui.css">
<link rel="stylesheet" href="/static/docs/docs.css"></head>
<body><main id="swagger-ui"><noscript>This page needs a script; the description itself is
<a href="openapi.json">openapi.json</a>.</noscript></main>
<script src="swagger/js/swagger-ui-bundle.js"></script>
<script src="/static/docs/docs.js"></script></body></html>
"""
UNUSED = "swagger.oauth2-redirect"


def init_app(app: Flask) -> None:
    app.config["SWAGGER_HTML_STRING"] = SWAGGER_PAGE
    app.view_functions[UNUSED] = _not_here
    # The library's own start page only lists the one user interface that is installed.
    app.view_functions["openapi.openapi"] = _to_user_interface
    app.add_url_rule("/api/docs", "openapi.start", _to_user_interface)


def _to_user_interface() -> ResponseReturnValue:
    return redirect(USER_INTERFACE)


def _not_here() -> NoReturn:
    """For a page that only helps to sign in by OAuth, which this API does not do."""
    raise NotFound("There is no such page.")
