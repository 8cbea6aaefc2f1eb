"""What somebody sees who follows a shared link: one job, without a login, and nothing else of the site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import admits_guests, get_reader, services
from jobsapp.auth.download import sent
from jobsapp.core.actors import Guest, Reader
from jobsapp.errors import JobsappError, NotFound, NotSignedIn
from jobsapp.models import Job, JobLog
from jobsapp.pages.charts import Chart, charts_of
from jobsapp.pages.log import SHOWN_LINES, log_text
from jobsapp.pages.previews import Preview, previews_of
from jobsapp.services import Services
from jobsapp.services.logs import LogFilter
from jobsapp.services.views import JobView

# Beside the page: its address is the token, so what belongs to it is addressed from there.
FILES = "files/"

blueprint = Blueprint("shared", __name__)


@dataclass(frozen=True)
class SharedJob:
    """What the page shows beyond the job itself. Nothing of the input."""

    log: Sequence[JobLog]
    """Its last lines."""
    log_is_longer: bool
    charts: list[Chart]
    previews: list[Preview]

    @classmethod
    def of(cls, reader: Reader, services: Services, row: Job) -> SharedJob:
        part = services.logs.part(reader, row.id, LogFilter(), limit=SHOWN_LINES)
        return cls(
            log=part.lines,
            log_is_longer=part.older is not None,
            charts=charts_of(services.jobs.metrics(reader, row.id)),
            previews=previews_of((file, services.files.path(file)) for file in row.artifacts),
        )


@blueprint.after_request
def _keep_the_link_secret(response: Response) -> Response:
    """The address is a secret: no other site, cache or search engine is to learn it."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.errorhandler(NotSignedIn)
@blueprint.errorhandler(NotFound)
def _gone(_: JobsappError) -> ResponseReturnValue:
    return render_template("shared/gone.html"), 404


@blueprint.get("/shared/<shared>/")
@admits_guests
def show(shared: str) -> ResponseReturnValue:
    row, job = _job()
    return render_template(
        "shared/show.html", job=job, shown=SharedJob.of(get_reader(), services(), row), shared=shared
    )


@blueprint.get("/shared/<shared>/live")
@admits_guests
def live(**_: str) -> ResponseReturnValue:
    """The fragment that the socket sends, for when it cannot."""
    return render_template("live/shared.html", job=_job()[1])


@blueprint.get("/shared/<shared>/log.txt")
@admits_guests
def log(**_: str) -> ResponseReturnValue:
    return log_text(get_reader(), _job()[0].id)


@blueprint.get("/shared/<shared>/files/<uuid:file_id>/content")
@admits_guests
def content(file_id: UUID, **_: str) -> ResponseReturnValue:
    return sent(services().files.get(get_reader(), file_id), services())


def _job() -> tuple[Job, JobView]:
    """The one job of the link."""
    guest = get_reader()
    assert isinstance(guest, Guest)  # noqa: S101 - an address with a token never makes anybody else
    row = services().jobs.get(guest, guest.job_id)
    return row, services().views.job(row).for_guest()
