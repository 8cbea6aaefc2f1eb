"""What every part of the API shares: who may enter, and what a request body may be."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from flask import Response, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from jobsapp.api.problems import JSON_LIMIT_BYTES, told
from jobsapp.api.strict import refuse_long_address, refuse_unknown_fields, refuse_unknown_parameters
from jobsapp.auth.cors import refuse_cookies
from jobsapp.auth.current import (
    CSRF_HEADER,
    SAFE_METHODS,
    bearer_token,
    caller_inside,
    check_csrf,
    get_actor,
    get_reader,
    guests_admitted,
)
from jobsapp.auth.rate import count_caller, count_stranger
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import FieldError, Forbidden, InvalidInput, NotSignedIn

OPEN: list[dict[str, list[str]]] = [{"token": []}, {"session": []}]
FOR_GUESTS: list[dict[str, list[str]]] = [{"jobToken": []}]
"""The `security` of a call that takes a token for one job too."""


def area(
    name: str,
    description: str,
    *,
    takes_form: bool = False,
    limit_bytes: int = JSON_LIMIT_BYTES,
    unchecked: Collection[str] = (),
) -> APIBlueprint:
    """A blueprint under `/api`: nobody enters unknown, and bodies are JSON, or with `takes_form` multipart forms.

    A JSON body may have `limit_bytes`. The content of the fields in `unchecked` is for the call to check.
    """
    blueprint = APIBlueprint(
        f"api_{name}",
        __name__,
        url_prefix="/api",
        abp_tags=[Tag(name=name, description=description)],
        abp_security=OPEN,
        abp_responses=told(401, 403, 414, 422, 429, 500, 503),
    )
    expect_json = partial(_expect_json, limit_bytes, unchecked)
    expect = _expect_form if takes_form else expect_json
    checks: list[Callable[[], None]] = [refuse_long_address, _enter, refuse_unknown_parameters, expect]
    for check in checks:
        blueprint.before_request(check)
    return blueprint


def answer(body: BaseModel, status: int = 200, *, location: str = "", exclude_none: bool = False) -> Response:
    """A model as a JSON answer."""
    text = body.model_dump_json(by_alias=True, exclude_none=exclude_none)
    return Response(text, status, {"Location": location} if location else {}, mimetype="application/json")


def _enter() -> None:
    try:
        refuse_cookies()
        reader = get_reader() if guests_admitted() else get_actor()
    except (NotSignedIn, Forbidden):
        count_stranger()
        raise
    count_caller(reader)
    if guests_admitted():
        return
    if request.method in SAFE_METHODS or bearer_token(request) is not None or caller_inside() is not None:
        return
    # Looked for before anything reads the body: a refused upload must not be received first.
    if CSRF_HEADER not in request.headers:
        raise Forbidden(f"With a session, a change needs the header {CSRF_HEADER}. With a token it needs none.")
    check_csrf()


def _expect_form() -> None:
    if request.method == "POST" and request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType("Send the file as multipart/form-data, in the field `file`.")


def _expect_json(limit_bytes: int, unchecked: Collection[str]) -> None:
    if request.method in SAFE_METHODS or not (request.content_length or "Transfer-Encoding" in request.headers):
        return
    if not request.is_json:
        raise UnsupportedMediaType("Send the body as JSON, with `Content-Type: application/json`.")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the body as it is, without `Content-Encoding`.")
    request.max_content_length = limit_bytes
    try:
        body = request.get_json()
    except BadRequest as error:
        raise BadRequest(f"The body is not valid JSON: {_cause(error)}.") from None
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    if not isinstance(body, dict):
        raise InvalidInput("Send a JSON object.", errors=(FieldError("", "send a JSON object"),))
    refuse_unknown_fields(body or ())
    refuse_faults(**{name: value for name, value in (body or {}).items() if name not in unchecked})


def _cause(error: BaseException) -> BaseException:
    """What was wrong with the JSON: the first that is no answer, without what may have been there before."""
    while not isinstance(error, ValueError) and (inner := error.__cause__ or error.__context__):
        error = inner
    return error
