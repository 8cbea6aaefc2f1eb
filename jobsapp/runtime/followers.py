"""Who makes something of the ends of jobs, in order, and who has something to do when its time comes."""

from __future__ import annotations

from collections.abc import Sequence

from jobsapp.runtime.advancer import Clock, Follower
from jobsapp.runtime.workflows.clocks import BeginClock, DueClock
from jobsapp.runtime.workflows.engine import WorkflowEngine
from jobsapp.services import Services
from jobsapp.store.outbox import WORKFLOWS_DUE, WORKFLOWS_TO_BEGIN, EndedJob


class Touch:
    """The last of them (`Dependencies.touch`)."""

    def __init__(self, services: Services) -> None:
        self._dependencies = services.dependencies

    def absorb(self, ended: Sequence[EndedJob]) -> None:
        self._dependencies.touch(ended)


def followers_of(services: Services) -> tuple[Sequence[Follower], dict[str, Clock]]:
    """What an Advancer is made with."""
    workflows = WorkflowEngine(services)
    # Batches first: who retries a batch has its row before the edges of its jobs.
    return [services.batches, services.dependencies, workflows, services.notifications, Touch(services)], {
        "batches": services.batches,
        "batch changes": services.batch_changes,
        WORKFLOWS_TO_BEGIN: BeginClock(services),
        WORKFLOWS_DUE: DueClock(services, workflows),
        "notifications": services.notifications,
    }
