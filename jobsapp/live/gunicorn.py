"""gunicorn's hooks: `gunicorn --config jobsapp/live/gunicorn.py …`.

Without them open sockets see a broken connection when the worker ends, and there are fewer of them: a process may
open 1,024 files where nobody asks for more. Given as a file, not as a module, it does not load the application into
gunicorn's own process.
"""

from __future__ import annotations

import gc
import resource
import signal
from _thread import start_new_thread
from contextlib import suppress
from types import FrameType
from typing import Any

# Room for addresses that the application refuses itself, as a problem (414). gunicorn would answer with a page.
limit_request_line = 8190


def post_fork(_server: Any, _worker: Any) -> None:
    """Let the process open as many files as it may: each socket is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS says that there is no limit, and then refuses.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def post_worker_init(worker: Any) -> None:
    """Close all sockets with 1012 as soon as the worker is asked to end, and leave alone what was loaded."""
    # That stays as long as the process does, and looking through it for garbage held up all requests for 110 ms.
    gc.collect()
    gc.freeze()
    before = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        # In a thread: a signal handler must not wait for the hub's lock, which its own thread may hold. Nor, in gevent,
        # for that thread's beginning, as threading.Thread does.
        start_new_thread(_hub(worker).stop, ())
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, stop)


def worker_exit(_server: Any, worker: Any) -> None:
    """Wait until the clients have been told. gunicorn waits for requests, and a socket is none any more."""
    if worker.booted:
        _hub(worker).stop()


def _hub(worker: Any) -> Any:
    from jobsapp.live.sockets import HUB

    return worker.wsgi.extensions[HUB]
