"""Batches: the list, one with its live bar and its jobs, and what one can do to all of them at once."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.core.states import Status
from jobsapp.errors import Conflict
from jobsapp.pages.guard import signed_in, small
from jobsapp.pages.language import number
from jobsapp.services.batch_views import BatchView
from jobsapp.services.jobs import REASON_LENGTH, JobFilter
from jobsapp.services.views import JobView

PAGE = 25

blueprint = Blueprint("batches", __name__)
blueprint.before_request(small)
blueprint.before_request(signed_in)


class Listed(NamedTuple):
    """A page of the jobs of a batch. `status` empty: all of them. `older`: where the next page begins."""

    jobs: list[JobView]
    status: str
    before: UUID | None
    older: UUID | None


@blueprint.get("/batches")
def index() -> ResponseReturnValue:
    before = request.args.get("before", type=UUID)
    found, older = services().batch_views.page(get_actor(), before=before)
    return render_template("batches/index.html", batches=found, before=before, older=older)


@blueprint.get("/batches/<uuid:batch_id>")
def show(batch_id: UUID) -> ResponseReturnValue:
    batch = _view(batch_id)
    failures = services().batch_views.failures(get_actor(), batch_id) if batch.counts.failed else []
    return render_template("batches/show.html", batch=batch, failures=failures, listed=_listed(batch_id))


@blueprint.get("/batches/<uuid:batch_id>/live")
def live(batch_id: UUID) -> ResponseReturnValue:
    """The bar and what belongs to it, which the page asks for each second while the batch runs."""
    return render_template("partials/batch/live.html", batch=_view(batch_id))


@blueprint.get("/batches/<uuid:batch_id>/bar")
def bar(batch_id: UUID) -> ResponseReturnValue:
    """The bar alone, for other pages."""
    return render_template("partials/batch/small.html", batch=_view(batch_id))


@blueprint.get("/batches/<uuid:batch_id>/cancel")
def ask(batch_id: UUID) -> ResponseReturnValue:
    return render_template("batches/cancel.html", batch=_view(batch_id), most=REASON_LENGTH)


@blueprint.post("/batches/<uuid:batch_id>/cancel")
def cancel(batch_id: UUID) -> ResponseReturnValue:
    reason = request.form.get("reason", "").strip()[:REASON_LENGTH] or None
    try:
        services().batch_changes.cancel(get_actor(), batch_id, reason=reason)
    except Conflict as error:
        flash(error.detail)
    return _back(batch_id)


@blueprint.post("/batches/<uuid:batch_id>/retry")
def retry(batch_id: UUID) -> ResponseReturnValue:
    try:
        services().batch_changes.retry(get_actor(), batch_id, cancelled="cancelled" in request.form)
    except Conflict as error:
        flash(error.detail)
    return _back(batch_id)


@blueprint.post("/batches/<uuid:batch_id>/close")
def close(batch_id: UUID) -> ResponseReturnValue:
    services().batches.close(get_actor(), batch_id)
    return _back(batch_id)


@blueprint.post("/batches/<uuid:batch_id>/results")
def results(batch_id: UUID) -> ResponseReturnValue:
    file, created = services().batch_results.collect(get_actor(), batch_id)
    flash(f"{'Collected' if created else 'There is'} {file.name}: {number(file.size)} bytes.")
    return _back(batch_id)


def _view(batch_id: UUID) -> BatchView:
    return services().batch_views.get(get_actor(), batch_id)


def _listed(batch_id: UUID) -> Listed:
    status = request.args.get("status", "")
    status = status if status in list(Status) else ""
    before = request.args.get("before", type=UUID)
    wanted = JobFilter(batch_id=batch_id, status=status or None)
    rows, older = services().jobs.page(get_actor(), wanted, before=before, limit=PAGE)
    return Listed(services().views.jobs(rows), status, before, older)


def _back(batch_id: UUID) -> ResponseReturnValue:
    return redirect(url_for("batches.show", batch_id=batch_id), 303)
