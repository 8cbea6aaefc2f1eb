"""Static files: what every page needs joined into one, packed, under addresses that change with their content.

So a first visit costs few round trips and few bytes, and browsers keep what they have for ever.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import NotFound

KEEP = "public, max-age=31536000, immutable"
PACKED = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
SHEETS = (
    *("tokens", "base", "topbar", "controls", "jobs", "pages", "list", "job", "share", "tray", "presets"),
    *("limits", "search", "health", "workers", "dashboard", "members", "account", "forced"),
)
SCRIPTS = (
    *("requests", "clock", "gone", "live", "modal", "tray", "attention", "form"),
    *("list", "log", "share", "refresh", "dashboard", "notices"),
)
JOINED = {
    # In this order: what holds for all pages first, what forced colours need last.
    "app.css": tuple(f"css/{name}.css" for name in SHEETS),
    # htmx begins after the script that it is in has run to its end: the extension and our listeners are there by then.
    "app.js": ("vendor/htmx/htmx.min.js", "vendor/htmx/hx-ws.min.js", *(f"js/{name}.js" for name in SCRIPTS)),
}
"""What the layout loads. Here, not in the layout, because any web process has to know what an address stands for."""


class Asset(NamedTuple):
    content: bytes
    packed: bytes
    digest: str


def init_app(app: Flask) -> None:
    app.jinja_env.globals["asset"] = asset
    app.view_functions["static"] = static


def asset(path: str) -> str:
    """`css/app.css` → `/static/css/app.css?v=<digest>`. Needs no request, so live fragments can use it too."""
    return f"{current_app.static_url_path}/{path}?v={_load(path).digest}"


def static(filename: str) -> Response:
    """The file, packed where that makes it smaller and the browser can unpack it."""
    answer = _answer(filename) if Path(filename).suffix in PACKED else current_app.send_static_file(filename)
    if "v" in request.args and answer.status_code == 200:
        answer.headers["Cache-Control"] = KEEP
    return answer


def _answer(path: str) -> Response:
    try:
        found = _load(path)
    except OSError:
        raise NotFound from None
    answer = Response(found.content, mimetype=PACKED[Path(path).suffix])
    answer.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"]:
        answer.set_data(found.packed)
        answer.content_encoding = "gzip"
    answer.set_etag(f"{found.digest}-{answer.content_encoding or 'plain'}")
    answer.headers["Cache-Control"] = "no-cache"
    answer.make_conditional(request)
    return answer


def _load(path: str) -> Asset:
    return _load_anew(path) if current_app.debug else _load_once(path)


@cache
def _load_once(path: str) -> Asset:
    return _load_anew(path)


def _load_anew(path: str) -> Asset:
    between = b"\n;" if path.endswith(".js") else b"\n"
    content = between.join(map(_read, JOINED.get(path, (path,))))
    return Asset(content, gzip.compress(content, mtime=0), hashlib.sha256(content).hexdigest()[:12])


def _read(path: str) -> bytes:
    """OSError if there is no such file, or if it is not one of ours."""
    folder = Path(current_app.static_folder or "")
    found = (folder / path).resolve()
    if not found.is_relative_to(folder.resolve()):
        raise FileNotFoundError(path)
    return found.read_bytes()
