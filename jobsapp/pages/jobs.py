"""Jobs: the list, one job, its modal, and the two things one can do to it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.errors import NotFound
from jobsapp.pages.address import CREATED, Address
from jobsapp.pages.guard import signed_in, small
from jobsapp.pages.kin import kin_of
from jobsapp.pages.log import ShownLog
from jobsapp.pages.shown import ShownJob
from jobsapp.pages.workflow_runs import workflow_part
from jobsapp.services.batch_views import BatchView
from jobsapp.services.jobs import PAGE, REASON_LENGTH
from jobsapp.services.listing import looked_at
from jobsapp.services.views import JobView

blueprint = Blueprint("jobs", __name__)
blueprint.before_request(small)
blueprint.before_request(signed_in)


@blueprint.get("/")
def home() -> ResponseReturnValue:
    return redirect(url_for("jobs.index"))


@blueprint.get("/jobs")
def index() -> ResponseReturnValue:
    actor = get_actor()
    address = Address.of_request(actor)
    rows, older = services().jobs.page(actor, address.wanted, before=address.before)
    return render_template(
        "jobs/index.html",
        address=address,
        jobs=services().views.jobs(rows),
        older=older,
        # The page ends where the search ended, not where the jobs end.
        looked=looked_at(address.wanted) if older and len(rows) < PAGE else None,
        types=services().registry,
        created=CREATED.items(),
        people=services().filters.people(actor),
        opened=_opened(address.open),
    )


@blueprint.get("/jobs/<uuid:job_id>")
def show(job_id: UUID) -> ResponseReturnValue:
    job, shown = _shown(job_id)
    around = {"shown": shown, "kin": kin_of(job), "log": ShownLog.of_request(job_id), "batch": _batch(job)}
    return render_template("jobs/show.html", **around, **workflow_part(job))


@blueprint.get("/jobs/<uuid:job_id>/details")
def details(job_id: UUID) -> ResponseReturnValue:
    """What stands below the panel, for when the job has changed."""
    job, shown = _shown(job_id)
    return render_template("partials/job/details.html", job=job, shown=shown, kin=kin_of(job))


@blueprint.get("/jobs/<uuid:job_id>/modal")
def modal(job_id: UUID) -> ResponseReturnValue:
    return render_template("jobs/modal.html", job=_view(job_id))


@blueprint.get("/jobs/<uuid:job_id>/live")
def live(job_id: UUID) -> ResponseReturnValue:
    """The fragment that the socket sends, for when it cannot."""
    return render_template("live/job.html", job=_view(job_id))


@blueprint.post("/jobs/<uuid:job_id>/cancel")
def cancel(job_id: UUID) -> ResponseReturnValue:
    reason = request.form.get("reason", "").strip()[:REASON_LENGTH] or None
    change = services().trees.cancel if "tree" in request.form else services().jobs.cancel
    change(get_actor(), job_id, reason=reason)
    return _after_change(job_id)


@blueprint.post("/jobs/<uuid:job_id>/retry")
def retry(job_id: UUID) -> ResponseReturnValue:
    change = services().trees.retry if "tree" in request.form else services().jobs.retry
    change(get_actor(), job_id)
    return _after_change(job_id)


def _after_change(job_id: UUID) -> ResponseReturnValue:
    if request.headers.get("HX-Request"):
        return render_template("live/job.html", job=_view(job_id))
    return redirect(url_for("jobs.show", job_id=job_id), 303)


def _batch(job: JobView) -> BatchView | None:
    """The batch that it belongs to, if that is still there."""
    try:
        return services().batch_views.get(get_actor(), job.batch_id) if job.batch_id else None
    except NotFound:
        return None


def _shown(job_id: UUID) -> tuple[JobView, ShownJob]:
    row = services().jobs.get(get_actor(), job_id)
    job = services().views.job(row)
    return job, ShownJob.of(get_actor(), services(), job, row)


def _view(job_id: UUID) -> JobView:
    return services().views.job(services().jobs.get(get_actor(), job_id))


def _opened(job_id: UUID | None) -> JobView | None:
    try:
        return None if job_id is None else _view(job_id)
    except NotFound:
        return None
