"""gunicorn's hooks: `gunicorn --config jobsapp/live/gunicorn.py …`.

Without them open sockets hold the worker until its graceful time-out ends, and clients see a broken connection.
Given as a file, not as a module, it does not load the application into gunicorn's own process.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


def post_worker_init(worker: Any) -> None:
    """Close all sockets with 1012 as soon as the worker is asked to end."""
    from jobsapp.live.sockets import HUB

    before = signal.getsignal(signal.SIGTERM)
    hub = worker.wsgi.extensions[HUB]

    def stop(number: int, frame: FrameType | None) -> None:
        # In a thread: a signal handler must not wait for the hub's lock, which its own thread may hold.
        threading.Thread(target=hub.stop, name="live stop", daemon=True).start()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, stop)
