"""The log of a job: the part of it that is shown, what has come since, and all of it as a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.core.actors import Reader
from jobsapp.extensions import db
from jobsapp.models import JobLog
from jobsapp.pages.guard import signed_in, small
from jobsapp.pages.language import iso
from jobsapp.services.logs import LEVELS, SEARCHED_AT_ONCE, LogFilter, LogPart

SHOWN_LINES = 500
LINES_AT_ONCE = 1_000
LARGEST_ID = 2**63 - 1
LEVEL_WORDS = dict(zip(LEVELS, ("All levels", "Info and above", "Warnings and errors", "Errors"), strict=True))

blueprint = Blueprint("log", __name__)
blueprint.before_request(small)
blueprint.before_request(signed_in)


@dataclass(frozen=True)
class ShownLog:
    """The part of a log on the page, and what was looked for."""

    part: LogPart
    wanted: LogFilter
    before: int | None

    levels = LEVEL_WORDS
    searched_at_once = SEARCHED_AT_ONCE

    @classmethod
    def of_request(cls, job_id: UUID) -> ShownLog:
        """As the address says: `q`, `level`, `before`."""
        wanted, before = _wanted(), _line("before")
        part = services().logs.part(get_actor(), job_id, wanted, limit=SHOWN_LINES, before=before)
        return cls(part, wanted, before)

    @property
    def live(self) -> bool:
        """Whether lines that come belong to it."""
        return self.before is None

    def query(self, **changes: object) -> str:
        """What was looked for, for an address; "" or with its question mark."""
        level = self.wanted.level if self.wanted.level_index else None
        values = {"q": self.wanted.text, "level": level} | changes
        query = urlencode({name: value for name, value in values.items() if value})
        return f"?{query}" if query else ""


@blueprint.get("/jobs/<uuid:job_id>/log")
def show(job_id: UUID) -> ResponseReturnValue:
    """The log alone, as it stands on the job's page."""
    log = ShownLog.of_request(job_id)
    answer = make_response(_section(job_id, log))
    answer.headers["HX-Replace-Url"] = f"/jobs/{job_id}{log.query(before=log.before)}"
    return answer


@blueprint.get("/jobs/<uuid:job_id>/log/new")
def new(job_id: UUID) -> ResponseReturnValue:
    """The lines after line `after`. With the header `Log-Whole` all that is shown, where adding to it would not do."""
    after, wanted = _line("after") or 0, _wanted()
    part = services().logs.part(get_actor(), job_id, wanted, limit=SHOWN_LINES, after=after)
    if part.last == after:
        return "", 204
    # There were none; too many have come; or the number of those found is said above them.
    if after == 0 or part.older is not None or (wanted.narrows and part.lines):
        return _section(job_id, ShownLog.of_request(job_id)), 200, {"Log-Whole": "1"}
    return render_template("partials/job/log_lines.html", lines=part.lines), 200, {"Log-Last": str(part.last)}


@blueprint.get("/jobs/<uuid:job_id>/log.txt")
def text(job_id: UUID) -> ResponseReturnValue:
    return log_text(get_actor(), job_id)


def log_text(reader: Reader, job_id: UUID) -> Response:
    """The whole log as a text file, some lines at a time. Raises NotFound."""
    first = services().jobs.log(reader, job_id, limit=LINES_AT_ONCE)

    def texts() -> Iterator[str]:
        lines = first
        while lines:
            text, last = "".join(map(_text_line, lines)), lines[-1].id
            # Who reads slowly must not hold a transaction open.
            db.session.rollback()
            yield text
            lines = services().jobs.log(reader, job_id, after=last, limit=LINES_AT_ONCE)

    answer = Response(stream_with_context(texts()), mimetype="text/plain")
    answer.headers.set("Content-Disposition", "attachment", filename=f"log-{job_id}.txt")
    return answer


def _section(job_id: UUID, log: ShownLog) -> str:
    job = services().views.job(services().jobs.get(get_actor(), job_id))
    return render_template("partials/job/log.html", job=job, log=log)


def _wanted() -> LogFilter:
    level = request.args.get("level", "")
    return LogFilter(request.args.get("q", "").strip(), level if level in LEVELS else LEVELS[0])


def _line(name: str) -> int | None:
    """The id of a line in the address."""
    number = request.args.get(name, type=int)
    return number if number is not None and 0 <= number <= LARGEST_ID else None


def _text_line(line: JobLog) -> str:
    # What a message goes on with stands below it, so that every line that begins with a time is one of the log.
    message = line.message.replace("\n", "\n    ")
    return f"{iso(line.at)} attempt {line.attempt} {line.level}: {message}\n"
