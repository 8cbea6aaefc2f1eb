"""What a job waits for and what waits for it, beside the job and on pages of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.pages.guard import signed_in, small
from jobsapp.services.relatives import COUNTED, RelativeView
from jobsapp.services.views import JobView

SHOWN = 20
SHOWN_ALONE = 100

blueprint = Blueprint("kin", __name__)
blueprint.before_request(small)
blueprint.before_request(signed_in)

Name = Literal["dependencies", "dependents"]


@dataclass(frozen=True)
class Side:
    """The jobs on one end. `next`: to be given as `after` for those that follow."""

    name: Name
    title: str
    jobs: list[RelativeView]
    count: str
    next: UUID | None

    @property
    def more(self) -> str:
        return "More jobs that it waits for" if self.name == "dependencies" else "More jobs that wait for it"


@dataclass(frozen=True)
class Kin:
    job: JobView
    sides: list[Side]

    @property
    def settled(self) -> bool:
        """Whether nothing of it will change by itself."""
        return all(one.finished for side in self.sides for one in side.jobs)


@blueprint.get("/jobs/<uuid:job_id>/kin")
def part(job_id: UUID) -> ResponseReturnValue:
    return render_template("partials/job/kin.html", kin=kin_of(job_view(job_id)))


@blueprint.get("/jobs/<uuid:job_id>/dependencies")
def dependencies(job_id: UUID) -> ResponseReturnValue:
    return _page(job_id, "dependencies")


@blueprint.get("/jobs/<uuid:job_id>/dependents")
def dependents(job_id: UUID) -> ResponseReturnValue:
    return _page(job_id, "dependents")


def kin_of(job: JobView) -> Kin:
    """The first on each end; an end without any is left out."""
    names: list[Name] = []
    if job.depends_on_count:
        names.append("dependencies")
    if job.dependents:
        names.append("dependents")
    return Kin(job, [_side(job, name, None, SHOWN) for name in names])


def job_view(job_id: UUID) -> JobView:
    return services().views.job(services().jobs.get(get_actor(), job_id))


def _page(job_id: UUID, name: Name) -> ResponseReturnValue:
    job = job_view(job_id)
    side = _side(job, name, request.args.get("after", type=UUID), SHOWN_ALONE)
    return render_template("jobs/relatives.html", kin=Kin(job, [side] if side.jobs else []), side=side)


def _side(job: JobView, name: Name, after: UUID | None, limit: int) -> Side:
    relatives = services().relatives
    if name == "dependencies":
        jobs, last = relatives.parents(get_actor(), job.id, after=after, limit=limit)
        return Side(name, "Depends on", jobs, f"{job.depends_on_count:,}", last)
    jobs, last = relatives.children(get_actor(), job.id, after=after, limit=limit)
    count = f"over {COUNTED:,}" if job.dependents >= COUNTED and last else f"{job.dependents:,}"
    return Side(name, "Depend on it", jobs, count, last)
