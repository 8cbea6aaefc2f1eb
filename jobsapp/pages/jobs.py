"""Jobs: the list, one job, its modal, and the two things one can do to it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.errors import NotFound
from jobsapp.extensions import db
from jobsapp.models import JobLog
from jobsapp.pages.address import CREATED, Address
from jobsapp.pages.guard import signed_in, small
from jobsapp.pages.language import iso
from jobsapp.pages.shown import ShownJob
from jobsapp.services.jobs import PAGE, REASON_LENGTH
from jobsapp.services.listing import WINDOW
from jobsapp.services.views import JobView

LINES_AT_ONCE = 1_000

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
        looked=WINDOW if older and len(rows) < PAGE else None,
        types=services().registry,
        created=CREATED.items(),
        people=services().filters.people(actor),
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
    """The whole log as a text file, some lines at a time."""
    actor = get_actor()
    first = services().jobs.log(actor, job_id, limit=LINES_AT_ONCE)

    def texts() -> Iterator[str]:
        lines = first
        while lines:
            text, last = "".join(map(_log_line, lines)), lines[-1].id
            # Who reads slowly must not hold a transaction open.
            db.session.rollback()
            yield text
            lines = services().jobs.log(actor, job_id, after=last, limit=LINES_AT_ONCE)

    answer = Response(stream_with_context(texts()), mimetype="text/plain")
    answer.headers.set("Content-Disposition", "attachment", filename=f"log-{job_id}.txt")
    return answer


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


def _log_line(line: JobLog) -> str:
    # What a message goes on with stands below it, so that every line that begins with a time is one of the log.
    message = line.message.replace("\n", "\n    ")
    return f"{iso(line.at)} attempt {line.attempt} {line.level}: {message}\n"


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
