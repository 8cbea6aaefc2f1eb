"""Health checks for supervisors and load balancers. They need no login and tell nothing private."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> ResponseReturnValue:
    """The process lives and answers."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def ready() -> ResponseReturnValue:
    """Database, Redis and migrations are fine: 200. Otherwise 503 with a sentence for each that is not."""
    faults = services().health.faults()
    if faults:
        return {"status": "not ready", "faults": faults}, 503, {"Retry-After": "2"}
    return {"status": "ok"}
