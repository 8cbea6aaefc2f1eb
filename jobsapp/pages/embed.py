"""The script that shows a job in a page of another site, at an address that never changes."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, current_app, request

# In this order, in one scope of their own.
PARTS = ("look", "connection", "progress", "modal")
# The server is where the script came from. Pages may say otherwise by the element's attribute.
HEAD = """(() => {
"use strict";
const SERVER = new URL(".", document.currentScript?.src ?? location.href).href;
"""
TAIL = "})();\n"
# Seconds. Then a browser asks whether there is a newer one: the address is written into pages that are not ours.
KEEP = 300

blueprint = Blueprint("embed", __name__)


@blueprint.get("/embed.js")
def script() -> Response:
    """`<script src="https://…/embed.js">`. Readable from every origin, so that integrity checks work too."""
    packed = request.accept_encodings.quality("gzip") > 0
    answer = Response(_whole(Path(current_app.static_folder or "") / "embed", packed), mimetype="text/javascript")
    if packed:
        answer.headers["Content-Encoding"] = "gzip"
    answer.vary.add("Accept-Encoding")
    answer.headers["Cache-Control"] = f"public, max-age={KEEP}"
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer.add_etag()
    return answer.make_conditional(request)  # type: ignore[return-value]


@cache
def _whole(folder: Path, packed: bool) -> bytes:
    """The script, without comments and indentation."""
    lines = "\n".join((folder / f"{name}.js").read_text() for name in PARTS).splitlines()
    text = "\n".join(line for each in lines if (line := each.strip()) and not line.startswith("//"))
    whole = f"{HEAD}{text}\n{TAIL}".encode()
    return gzip.compress(whole, mtime=0) if packed else whole
