"""Live events: one hub per process hears what changed, reads it once and tells every socket that may know.

`/ws/jobs` speaks JSON; `/live/jobs`, `/live/jobs/<id>` and `/live/tray` send the fragments that pages are made of.
"""

from __future__ import annotations

from contextlib import suppress

from flask import Flask

from jobsapp.auth.current import services
from jobsapp.live import sockets
from jobsapp.live.hub import Hub

# Where sockets hold threads, these many are kept for requests.
THREADS_FOR_REQUESTS = 16
# And of the files that a process may open, these.
FILES_FOR_REQUESTS = 400


def init_app(app: Flask) -> None:
    with app.app_context():
        settings, bells = services().settings, services().bells
    app.config["SOCK_SERVER_OPTIONS"] = sockets.OPTIONS
    app.extensions[sockets.HUB] = Hub(
        app,
        settings,
        bells,
        capacity=max(1, min(settings.web_sockets, _files() - FILES_FOR_REQUESTS)),
        threads=max(1, settings.web_threads - THREADS_FOR_REQUESTS),
    )
    app.register_blueprint(sockets.blueprint)


def _files() -> int:
    """How many files the process may open."""
    with suppress(ImportError):
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return limit if limit != resource.RLIM_INFINITY else 1 << 20
    return 512
