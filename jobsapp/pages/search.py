"""The search in what jobs made searchable."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.errors import InvalidInput, NotFound
from jobsapp.models import Job
from jobsapp.pages.guard import signed_in, small
from jobsapp.services.search import SearchView

LIMIT = 20

blueprint = Blueprint("search", __name__)
blueprint.before_request(small)
blueprint.before_request(signed_in)


@blueprint.get("/search")
def index() -> ResponseReturnValue:
    typed = request.args.get("q", "").strip()
    job = _job(request.args.get("job", type=UUID))
    found, fault = _find(typed, job) if typed else (None, "")
    page = render_template("search/index.html", typed=typed, job=job, found=found, fault=fault, limit=LIMIT)
    return page, 422 if fault else 200


def _find(typed: str, job: Job | None) -> tuple[SearchView | None, str]:
    """What was found, or what is wrong with the question."""
    try:
        return services().search.find(get_actor(), typed, limit=LIMIT, job_id=job.id if job else None), ""
    except InvalidInput as error:
        return None, " ".join(f"The question {fault.message}" for fault in error.errors)


def _job(job_id: UUID | None) -> Job | None:
    """The job to search in. One that is not there, or not theirs, is no narrower than all."""
    try:
        return None if job_id is None else services().jobs.get(get_actor(), job_id)
    except NotFound:
        return None
