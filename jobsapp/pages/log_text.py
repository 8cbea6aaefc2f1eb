"""The whole log of a job as a text file, some lines at a time."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from flask import Response, stream_with_context

from jobsapp.auth.current import services
from jobsapp.core.actors import Reader
from jobsapp.extensions import db
from jobsapp.models import JobLog
from jobsapp.pages.language import iso

LINES_AT_ONCE = 1_000


def log_text(reader: Reader, job_id: UUID) -> Response:
    """Raises NotFound."""
    first = services().jobs.log(reader, job_id, limit=LINES_AT_ONCE)

    def texts() -> Iterator[str]:
        lines = first
        while lines:
            text, last = "".join(map(_log_line, lines)), lines[-1].id
            # Who reads slowly must not hold a transaction open.
            db.session.rollback()
            yield text
            lines = services().jobs.log(reader, job_id, after=last, limit=LINES_AT_ONCE)

    answer = Response(stream_with_context(texts()), mimetype="text/plain")
    answer.headers.set("Content-Disposition", "attachment", filename=f"log-{job_id}.txt")
    return answer


def _log_line(line: JobLog) -> str:
    # What a message goes on with stands below it, so that every line that begins with a time is one of the log.
    message = line.message.replace("\n", "\n    ")
    return f"{iso(line.at)} attempt {line.attempt} {line.level}: {message}\n"
