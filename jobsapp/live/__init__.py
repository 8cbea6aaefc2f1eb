"""Live events: one hub per process hears what changed, reads it once and tells every socket that may know.

`/ws/jobs` speaks JSON; `/live/jobs`, `/live/jobs/<id>` and `/live/tray` send the fragments that pages are made of.
"""

from __future__ import annotations

from flask import Flask

from jobsapp.auth.current import services
from jobsapp.live import sockets
from jobsapp.live.hub import Hub

# Sockets hold threads; these many are kept for requests.
THREADS_FOR_REQUESTS = 16


def init_app(app: Flask) -> None:
    with app.app_context():
        settings = services().settings
    capacity = max(1, settings.web_threads - THREADS_FOR_REQUESTS)
    app.extensions[sockets.HUB] = Hub(app, settings, capacity=capacity)
    app.register_blueprint(sockets.blueprint)
