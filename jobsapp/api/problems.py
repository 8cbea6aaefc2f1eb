"""Errors as `application/problem+json` (RFC 9457): what is wrong, at which field, and never a traceback."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from jobsapp.auth.current import bearer_token, services
from jobsapp.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    JobsappError,
    NotFound,
    NotSignedIn,
    TooLarge,
    TooMany,
    Unavailable,
)
from jobsapp.processors.registry import invalid
from jobsapp.services.sessions import DATABASE_AWAY

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
MIB = 1024 * 1024
JSON_LIMIT_BYTES = 4 * MIB
BULK_LIMIT_BYTES = 16 * MIB
MOST_FAULTS = 1000
LONGEST_TEXT = 500
LONGEST_DETAIL = 2000


# What of each status an operation may answer with, as its code, title and detail.
EXAMPLES = {
    400: ("bad-request", "Bad Request", "The body is not valid JSON: Expecting value: line 1 column 10 (char 9)."),
    401: (NotSignedIn.code, NotSignedIn.title, "The token is unknown, revoked or expired."),
    403: (Forbidden.code, Forbidden.title, "Only an administrator may delete old jobs."),
    404: (NotFound.code, NotFound.title, "There is no job 0199b7a2-6f3c-7c11-9b2e-3f0a5d6c7e82."),
    409: (Conflict.code, Conflict.title, "The job is completed: only a failed or cancelled job can be retried."),
    413: (TooLarge.code, TooLarge.title, "An upload may have 5120 MiB, any other request 4 MiB. Nothing was kept."),
    414: ("request-uri-too-long", "Request URI Too Long", "The address may have 4,000 characters."),
    415: ("unsupported-media-type", "Unsupported Media Type", "Send the body as JSON."),
    416: ("requested-range-not-satisfiable", "Requested Range Not Satisfiable", "The range is not in the file."),
    422: (InvalidInput.code, InvalidInput.title, "days: must be from 0 to 36500."),
    429: (TooMany.code, TooMany.title, "No more than 6,000 requests within 60 s. Try again in 7 s."),
    500: (JobsappError.code, JobsappError.title, "This is not your fault. It has been written to the log."),
    503: (Unavailable.code, Unavailable.title, "The database cannot be used right now. Try again in a moment."),
}


class Fault(BaseModel):
    """One fault in the input. `field` is the path as the caller wrote it; empty for the body as a whole."""

    field: str
    message: str


class Problem(BaseModel):
    """An error. `type` names its kind and never changes; `detail` is a sentence for people."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:jobsapp:problem:invalid-input",
                    "title": "The input is not valid",
                    "status": 422,
                    "detail": "data.targetFormat: Input should be 'csv', 'tsv', 'json', 'jsonl' or 'parquet'",
                    "errors": [{"field": "data.targetFormat", "message": "Input should be 'csv', 'tsv', …"}],
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] | None = None


def told(*statuses: int) -> dict[Any, Any]:
    """The part of an operation's `responses` that says which errors it may answer with."""
    return {status: {"description": HTTP_STATUS_CODES[status], "content": _content(status)} for status in statuses}


def examples() -> dict[str, dict[str, Any]]:
    """A problem of each status, by its name in the OpenAPI document."""
    return {_example_name(status): _example(status) for status in EXAMPLES}


def _content(status: int) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    example = {"$ref": f"#/components/examples/{_example_name(status)}"}
    return {MEDIA_TYPE: {"schema": schema, "examples": {"problem": example}}}


def _example_name(status: int) -> str:
    return f"{Problem.__name__}{status}"


def _example(status: int) -> dict[str, Any]:
    code, title, detail = EXAMPLES[status]
    shown = {"type": _type(code), "title": title, "status": status, "detail": detail}
    return shown | ({"errors": [{"field": "days", "message": "must be from 0 to 36500."}]} if status == 422 else {})


def refuse(error: ValidationError) -> Any:
    """What flask-openapi3 calls for input that does not fit its model. Raises InvalidInput."""
    raise invalid(error) from None


def on_error(error: Exception) -> ResponseReturnValue:
    """The answer to any error under `/api/`."""
    if isinstance(error, HTTPException) and (error.response is not None or (error.code or 500) < 400):
        return error.get_response()
    problem = problem_of(error)
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, problem.status, _headers(error, problem.status), mimetype=MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """What to say about an error. Of one that nobody foresaw nothing is given away."""
    if isinstance(error, DATABASE_AWAY):
        error = Unavailable("The database cannot be used right now. Try again in a moment.")
    elif isinstance(error, HTTPException):
        return _http(error)
    elif not isinstance(error, JobsappError):
        error = JobsappError("This is not your fault. It has been written to the log.")
    faults = [Fault(field=_short(one.field), message=_short(one.message)) for one in error.errors[:MOST_FAULTS]]
    detail = _short(error.detail, LONGEST_DETAIL)
    return Problem(type=_type(error.code), title=error.title, status=error.status, detail=detail, errors=faults or None)


def _http(error: HTTPException) -> Problem:
    status = error.code or 500
    if status == 413:
        return problem_of(TooLarge(_size_limits()))
    if status == 404:
        detail = f"There is nothing at {request.path}."
    elif status == 405:
        allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        detail = f"{request.method} is not possible here; possible: {allowed}."
    else:
        detail = error.description or error.name
    return Problem(type=_type(_slug(error.name)), title=error.name, status=status, detail=_short(detail))


def _size_limits() -> str:
    return (
        f"An upload may have {services().settings.max_upload_mb} MiB, a bulk creation {BULK_LIMIT_BYTES // MIB} MiB, "
        f"any other request {JSON_LIMIT_BYTES // MIB} MiB. Nothing was kept."
    )


def _headers(error: Exception, status: int) -> dict[str, str]:
    headers = {}
    if isinstance(error, HTTPException):
        headers = {name: value for name, value in error.get_headers() if name not in ("Content-Type", "Content-Length")}
    if isinstance(error, NotSignedIn):
        fault = ', error="invalid_token"' if bearer_token(request) is not None else ""
        headers["WWW-Authenticate"] = f'Bearer realm="jobsapp"{fault}'
    if (seconds := getattr(error, "retry_after", None)) and "Retry-After" not in headers:
        headers["Retry-After"] = str(seconds)
    if status == 503:
        headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
    return headers


def _short(text: str, most: int = LONGEST_TEXT) -> str:
    """What somebody sent is not sent back as a whole, however long it is."""
    return text if len(text) <= most else f"{text[:most]}…"


def _type(code: str) -> str:
    return f"urn:jobsapp:problem:{code}"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
