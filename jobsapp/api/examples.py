"""Examples and headers in the OpenAPI document. A file in `examples/` is named as the schema that it shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from flask_openapi3 import OpenAPI
from flask_openapi3.models import Example, Header, MediaType, Operation, Reference
from flask_openapi3.models import Response as Answer

from jobsapp.api import problems

FOLDER = Path(__file__).parent / "examples"
METHODS = ("get", "put", "post", "delete", "patch")
# By name: what it says, and an example. In every answer to a caller that is counted.
COUNTED = {
    "RateLimit": ("How many requests are left, and after how many seconds there is one more.", '"caller";r=5999;t=60'),
    "RateLimit-Policy": ("How many requests within how many seconds there may be.", '"caller";q=6000;w=60'),
}
# By operation and status.
OF_ANSWERS = {
    ("createJob", "201"): {"Location": ("Where the job is.", "/api/jobs/0199b7a2-6f3c-7c11-9b2e-3f0a5d6c7e82")},
    ("createBatch", "201"): {"Location": ("Where the batch is.", "/api/batches/0199b7a2-6f3c-7c11-9b2e-3f0a5d6c7e90")},
    ("createSchedule", "201"): {
        "Location": ("Where the schedule is.", "/api/schedules/0199b7a2-6f3c-7c11-9b2e-3f0a5d6c7e91")
    },
    ("uploadFile", "201"): {"Location": ("Where the file is.", "/api/files/0199b7a2-6f3c-7c11-9b2e-3f0a5d6c7e80")},
    ("getJob", "200"): {
        "ETag": ("For `If-None-Match` in the next request.", 'W/"7-1-member"'),
        "Preference-Applied": ("That the answer waited as it was preferred.", "wait=30"),
    },
    ("getJobLog", "200"): {"Preference-Applied": ("That the answer waited as it was preferred.", "wait=30")},
}
RETRY_AFTER = ("After how many seconds to try again.", "7")


def add(app: OpenAPI) -> None:
    """Add them to the operations of the application."""
    app.components.examples = {name: Example(value=value) for name, value in (examples() | problems.examples()).items()}
    app.components.headers = {name: _header(*text) for name, text in COUNTED.items()}
    for path in app.paths.values():
        for operation in filter(None, (getattr(path, method) for method in METHODS)):
            for media in _media(operation):
                _show(media)
            for status, response in (operation.responses or {}).items():
                _head(operation, status, response)


@cache
def examples() -> dict[str, Any]:
    """All examples by the names of their schemas."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))}


def _media(operation: Operation) -> Iterator[MediaType]:
    body: Any = operation.requestBody
    for whole in [body, *(operation.responses or {}).values()]:
        yield from (whole.content or {}).values() if whole is not None else ()


def _show(media: MediaType) -> None:
    schema: Any = media.media_type_schema
    name = str(getattr(schema, "ref", None) or "").rpartition("/")[2]
    if name in examples():
        media.examples = {name: Reference(**{"$ref": f"#/components/examples/{name}"})}


def _head(operation: Operation, status: str, response: Answer) -> None:
    headers: dict[str, Any] = {
        name: _header(*text) for name, text in OF_ANSWERS.get((str(operation.operationId), status), {}).items()
    }
    if status < "400" or status == "429":
        headers |= {name: Reference(**{"$ref": f"#/components/headers/{name}"}) for name in COUNTED}
    if status in ("429", "503"):
        headers["Retry-After"] = _header(*RETRY_AFTER)
    if headers:
        response.headers = headers


def _header(description: str, example: str) -> Header:
    return Header(description=description, schema={"type": "string"}, example=example)
