"""Workers: what they do now, stopping them, and how the servers behind them are."""

from __future__ import annotations

from flask import Response
from pydantic import BaseModel, Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Text
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.services.limits import NAME_LENGTH
from jobsapp.services.system import SystemView
from jobsapp.services.workers import WorkersView, WorkerView

blueprint = area("workers", "Workers, and the health of what stands behind them.")


class WorkerPath(BaseModel):
    name: Text = Field(max_length=NAME_LENGTH)


@blueprint.get("/workers", operation_id="listWorkers", responses={200: WorkersView})
def index() -> Response:
    """All workers, with the jobs that they have now: those of the caller's organisation by name.

    The organisation that runs the installation also sees their hosts, memory and numbers, and how many jobs of others
    they have. For all others that is null.
    """
    return answer(services().workers.all(get_actor()))


@blueprint.post("/workers/<name>/stop", operation_id="stopWorker", responses={200: WorkerView, **told(404, 409)})
def stop(path: WorkerPath) -> Response:
    """Have a worker finish its job, or hand it back after the grace, and end. Administrators only.

    No other takes its place until `start` is asked, or its `flask worker` is started anew. Asked twice is once.
    """
    return answer(services().workers.stop(get_actor(), path.name))


@blueprint.post("/workers/<name>/start", operation_id="startWorker", responses={200: WorkerView, **told(404, 409)})
def start(path: WorkerPath) -> Response:
    """Have another worker take the place of one that was stopped, within seconds. Administrators only."""
    return answer(services().workers.start(get_actor(), path.name))


@blueprint.get("/health", operation_id="health", responses={200: SystemView})
def health() -> Response:
    """How PostgreSQL, Redis, the keeper and this server's disk are. What to do, and details, for administrators only.

    Always 200, and within seconds; for supervisors there is `/readyz`.
    """
    return answer(services().system.look(get_actor()))
