"""What is left of a body that was refused is read and dropped, so that the client comes to read the answer.

Browsers send all before they read. A connection closed in their face loses the answer (`413`) on its way.
"""

from __future__ import annotations

import socket
import time
from functools import partial
from typing import Any

from flask import Flask, Response, request

CHUNK = 256 * 1024
SECONDS = 20.0
SILENCE_SECONDS = 2.0


def init_app(app: Flask) -> None:
    app.after_request(_drop_unread)


def _drop_unread(response: Response) -> Response:
    # Where the server does not mark the body's end, reading on would wait for ever.
    if response.status_code >= 400 and request.environ.get("wsgi.input_terminated"):
        response.call_on_close(partial(drop, request.environ))
    return response


def drop(environ: dict[str, Any]) -> None:
    """Read what the client still sends, for at most SECONDS. Call it after the answer has been sent."""
    wire: socket.socket | None = environ.get("gunicorn.socket")
    if wire is None:
        return
    until = time.monotonic() + SECONDS
    try:
        wire.settimeout(SILENCE_SECONDS)
        while time.monotonic() < until and environ["wsgi.input"].read(CHUNK):
            pass
        wire.settimeout(None)
    except Exception:  # noqa: S110 - the answer is out; whatever ends the connection, nobody waits for it
        pass
