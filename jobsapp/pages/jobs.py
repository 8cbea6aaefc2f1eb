"""Jobs: the list, one job, its modal, and the two things one can do to it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.core.states import Status
from jobsapp.errors import NotFound
from jobsapp.pages.guard import signed_in, small
from jobsapp.pages.log_text import log_text
from jobsapp.pages.shown import ShownJob
from jobsapp.services.jobs import REASON_LENGTH, JobFilter
from jobsapp.services.views import JobView

blueprint = Blueprint("jobs", __name__)
blueprint.before_request(small)
blueprint.before_request(signed_in)


@dataclass(frozen=True)
class Address:
    """What the address of the list says: filters, where the page begins, and a job to show in the modal."""

    type: str | None
    status: str | None
    text: str | None
    before: UUID | None
    open: UUID | None

    @classmethod
    def of_request(cls) -> Address:
        status = request.args.get("status")
        return cls(
            type=request.args.get("type") or None,
            status=status if status in list(Status) else None,
            text=request.args.get("q", "").strip() or None,
            before=request.args.get("before", type=UUID),
            open=request.args.get("open", type=UUID),
        )

    @property
    def filtered(self) -> bool:
        return bool(self.type or self.status or self.text)

    @property
    def live_insert(self) -> bool:
        """Whether new jobs belong on top of this page."""
        return not self.filtered and self.before is None

    @property
    def wanted(self) -> JobFilter:
        return JobFilter(type=self.type, status=self.status, text=self.text)

    def path(self, **changes: object) -> str:
        """The list with some of this changed. Another filter begins at the first page."""
        values = {"type": self.type, "status": self.status, "q": self.text} | changes
        query = urlencode({name: value for name, value in values.items() if value})
        return f"/jobs?{query}" if query else "/jobs"


@blueprint.get("/")
def home() -> ResponseReturnValue:
    return redirect(url_for("jobs.index"))


@blueprint.get("/jobs")
def index() -> ResponseReturnValue:
    address = Address.of_request()
    rows, older = services().jobs.page(get_actor(), address.wanted, before=address.before)
    return render_template(
        "jobs/index.html",
        address=address,
        jobs=services().views.jobs(rows),
        older=older,
        types=services().registry,
        statuses=list(Status),
        opened=_opened(address.open),
    )


@blueprint.get("/jobs/<uuid:job_id>")
def show(job_id: UUID) -> ResponseReturnValue:
    row = services().jobs.get(get_actor(), job_id)
    job = services().views.job(row)
    shown = ShownJob.of(get_actor(), services(), job, row)
    return render_template("jobs/show.html", job=job, shown=shown)


@blueprint.get("/jobs/<uuid:job_id>/modal")
def modal(job_id: UUID) -> ResponseReturnValue:
    return render_template("jobs/modal.html", job=_view(job_id))


@blueprint.get("/jobs/<uuid:job_id>/log.txt")
def log(job_id: UUID) -> ResponseReturnValue:
    return log_text(get_actor(), job_id)


@blueprint.get("/jobs/<uuid:job_id>/live")
def live(job_id: UUID) -> ResponseReturnValue:
    """The fragment that the socket sends, for when it cannot."""
    return render_template("live/job.html", job=_view(job_id))


@blueprint.post("/jobs/<uuid:job_id>/cancel")
def cancel(job_id: UUID) -> ResponseReturnValue:
    reason = request.form.get("reason", "").strip()[:REASON_LENGTH] or None
    services().jobs.cancel(get_actor(), job_id, reason=reason)
    return _after_change(job_id)


@blueprint.post("/jobs/<uuid:job_id>/retry")
def retry(job_id: UUID) -> ResponseReturnValue:
    services().jobs.retry(get_actor(), job_id)
    return _after_change(job_id)


def _after_change(job_id: UUID) -> ResponseReturnValue:
    if request.headers.get("HX-Request"):
        return render_template("live/job.html", job=_view(job_id))
    return redirect(url_for("jobs.show", job_id=job_id), 303)


def _view(job_id: UUID) -> JobView:
    return services().views.job(services().jobs.get(get_actor(), job_id))


def _opened(job_id: UUID | None) -> JobView | None:
    try:
        return None if job_id is None else _view(job_id)
    except NotFound:
        return None
