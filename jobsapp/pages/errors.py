"""Errors as people see them: a page, or a message in the corner for htmx. Never a traceback."""

from __future__ import annotations

from dataclasses import dataclass

from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from jobsapp.auth.current import services
from jobsapp.errors import JobsappError, NotSignedIn, TooMany, TooManyTries
from jobsapp.pages.guard import login_address


@dataclass(frozen=True)
class Told:
    """What is said about an error."""

    status: int
    title: str
    detail: str


def on_error(error: Exception) -> ResponseReturnValue:
    """The answer to any error outside the API."""
    if isinstance(error, NotSignedIn) and request.endpoint != "login.redeem":
        return _to_login()
    if isinstance(error, HTTPException) and error.code is not None and error.code < 400:
        return error.get_response()
    answer = make_response(_fragment(told(error)) if request.headers.get("HX-Request") else _page(told(error)))
    if isinstance(error, TooManyTries | TooMany):
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def told(error: Exception) -> Told:
    """What to say about an error. Of one that nobody foresaw nothing is given away."""
    if isinstance(error, NotSignedIn):
        return Told(error.status, "This link no longer works", error.detail)
    if isinstance(error, JobsappError):
        return Told(error.status, error.title, error.detail)
    if isinstance(error, HTTPException):
        return _http(error)
    return Told(500, "Something went wrong on our side", "It has been written to the log. Try again in a moment.")


def _http(error: HTTPException) -> Told:
    status = error.code or 500
    if status == 404:
        return Told(404, "There is no such page", "The address may be mistyped, or what was here has been deleted.")
    if status == 413:
        if request.endpoint != "new_job.create":
            return Told(413, "The request is too large", "No file is taken here. Nothing was kept.")
        limit = services().settings.max_upload_mb
        return Told(413, "The file is too large", f"Uploads may be up to {limit:,} MiB. Nothing was kept.")
    return Told(status, error.name, error.description or "")


def _to_login() -> ResponseReturnValue:
    if request.headers.get("HX-Request"):
        return "", 401, {"HX-Redirect": login_address()}
    return redirect(login_address(), 303)


def _page(what: Told) -> ResponseReturnValue:
    return render_template("errors/page.html", error=what), what.status


def _fragment(what: Told) -> ResponseReturnValue:
    response = make_response(render_template("errors/toast.html", error=what), what.status)
    response.headers["HX-Retarget"] = "#toasts"
    response.headers["HX-Reswap"] = "beforeend"
    return response
