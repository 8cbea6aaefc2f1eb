"""Walking workflows along by hand: the advancer's rounds and the workers' turns, until nothing moves any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from jobsapp.core.actors import Actor
from jobsapp.models import Job
from jobsapp.runtime.advancer import Advancer
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob

Drain = Callable[[str], int]
ROUNDS = 100


def definition(**steps: dict[str, Any]) -> dict[str, Any]:
    """Steps of the type echo, unless they say something else."""
    fields = {"text": {"type": "text", "default": "hello"}, "list": {"type": "list", "default": []}}
    return {"input": fields, "steps": {key: _step(one) for key, one in steps.items()}}


def _step(one: dict[str, Any]) -> dict[str, Any]:
    return one if "waitFor" in one else {"type": "echo"} | one


class Walk:
    """Starts runs and brings them on."""

    def __init__(self, services: Services, actor: Actor, advancer: Advancer, drain: Drain) -> None:
        self.services, self.actor, self.advancer, self.drain = services, actor, advancer, drain

    def start(
        self, steps: dict[str, Any], input: dict[str, Any] | None = None, *, work: bool = True, **more: Any
    ) -> Job:
        data = {"definition": definition(**steps), "input": input or {}}
        job, _ = self.services.jobs.create(self.actor, NewJob("workflow-execution", data, **more))
        return self.on(job.id, work=work)

    def on(self, run_id: UUID, *, work: bool = True) -> Job:
        """Until nothing moves. Without `work` the jobs of the steps are left alone."""
        # As at the end of a request: what was refused has locked something.
        self.services.jobs._session.rollback()
        queues = self.services.registry.worked_queues
        for _ in range(ROUNDS):
            self.advancer.tick()
            moved = self.advancer.advance()
            if work:
                moved += sum(self.drain(queue) for queue in queues)
            if not moved:
                break
        return self.services.jobs.get(self.actor, run_id)

    def states(self, run_id: UUID) -> dict[str, str]:
        return {one.key: one.state for one in self.services.workflow_runs.steps(self.actor, run_id).steps}
