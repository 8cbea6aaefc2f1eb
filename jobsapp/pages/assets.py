"""Addresses of static files that change with their content, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, Response, current_app, request

KEEP = "public, max-age=31536000, immutable"


def init_app(app: Flask) -> None:
    app.jinja_env.globals["asset"] = asset
    app.after_request(_keep_named_versions)


def asset(path: str) -> str:
    """`css/app.css` → `/static/css/app.css?v=<digest>`. Needs no request, so live fragments can use it too."""
    digest = _digest_while_developing(path) if current_app.debug else _digest(path)
    return f"{current_app.static_url_path}/{path}?v={digest}"


@cache
def _digest(path: str) -> str:
    return _digest_while_developing(path)


def _digest_while_developing(path: str) -> str:
    content = (Path(current_app.static_folder or "") / path).read_bytes()
    return hashlib.sha256(content).hexdigest()[:12]


def _keep_named_versions(response: Response) -> Response:
    if request.endpoint == "static" and "v" in request.args and response.status_code == 200:
        response.headers["Cache-Control"] = KEEP
    return response
