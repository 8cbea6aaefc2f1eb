"""Queues: what waits in them, pausing them, and limits of what runs."""

from __future__ import annotations

from typing import Literal

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from jobsapp.api.area import answer, area
from jobsapp.api.models import Body, Number, Text, Whole
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.services.base import View
from jobsapp.services.limits import (
    MAX_NUMBER,
    MAX_PERIOD_SECONDS,
    MIN_PERIOD_SECONDS,
    NAME_LENGTH,
    LimitView,
    NewLimit,
)
from jobsapp.services.queues import REASON_LENGTH, QueueView

blueprint = area("queues", "Queues: depth, pause, limits.")


class QueueList(View):
    queues: list[QueueView]


class LimitList(View):
    limits: list[LimitView]


class QueuePath(BaseModel):
    name: Text = Field(max_length=NAME_LENGTH)


class LimitPath(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    scope: Literal["queue", "type", "organization"]
    key: Text = Field(max_length=NAME_LENGTH)
    """The name of a queue or a type, the id of an organisation, or `*` for each organisation."""


class PauseBody(Body):
    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key]

    reason: Text | None = Field(None, max_length=REASON_LENGTH)
    """Shown to members of the organisation that runs the installation, and to no other."""


ANY_OF: list[JsonValue] = [
    {
        "required": ["maxActive"],
        "properties": {
            "maxActive": {"type": "integer"},
            "maxStarts": {"type": "null"},
            "periodSeconds": {"type": "null"},
        },
    },
    {
        "required": ["maxStarts", "periodSeconds"],
        "properties": {"maxStarts": {"type": "integer"}, "periodSeconds": {"type": "number"}},
    },
]


class LimitBody(Body):
    """At least one of `maxActive` and `maxStarts`; `periodSeconds` goes with `maxStarts`."""

    model_config = ConfigDict(json_schema_extra={"anyOf": ANY_OF})

    max_active: Whole | None = Field(None, json_schema_extra={"minimum": 1, "maximum": MAX_NUMBER})
    """How many jobs may run at once, from 1 to 1,000,000."""
    max_starts: Whole | None = Field(None, json_schema_extra={"minimum": 1, "maximum": MAX_NUMBER})
    """How many jobs may start within any `periodSeconds`, from 1 to 1,000,000."""
    period_seconds: Number | None = Field(
        None, json_schema_extra={"minimum": MIN_PERIOD_SECONDS, "maximum": MAX_PERIOD_SECONDS}
    )
    """From 1 second to 31 days."""


@blueprint.get("/queues", operation_id="listQueues", responses={200: QueueList})
def index() -> Response:
    """All queues, by name, with what waits in them.

    Only the organisation that runs the installation sees jobs of all; others see their own depth.
    """
    return answer(QueueList(queues=services().queues.all(get_actor())))


@blueprint.get("/queues/<name>", operation_id="getQueue", responses={200: QueueView, **told(404)})
def show(path: QueuePath) -> Response:
    """One queue, with what waits in it."""
    return answer(services().queues.get(get_actor(), path.name))


@blueprint.post(
    "/queues/<name>/pause", operation_id="pauseQueue", responses={200: QueueView, **told(400, 404, 413, 415)}
)
def pause(path: QueuePath, body: PauseBody) -> Response:
    """Let no job of the queue start; what runs goes on. Administrators only."""
    return answer(services().queues.pause(get_actor(), path.name, reason=body.reason))


@blueprint.post("/queues/<name>/resume", operation_id="resumeQueue", responses={200: QueueView, **told(404)})
def resume(path: QueuePath) -> Response:
    """Let jobs of the queue start again. Administrators only."""
    return answer(services().queues.resume(get_actor(), path.name))


@blueprint.get("/limits", operation_id="listLimits", responses={200: LimitList})
def limits() -> Response:
    """Limits of queues, of types, of each organisation and of the caller's own, with how much is used."""
    return answer(LimitList(limits=services().limits.all(get_actor())))


@blueprint.put("/limits/<scope>/<key>", operation_id="setLimit", responses={200: LimitView, **told(400, 413, 415)})
def set_limit(path: LimitPath, body: LimitBody) -> Response:
    """Set or replace a limit. It holds from now on, without a restart. Administrators only."""
    new = NewLimit(body.max_active, body.max_starts, body.period_seconds)
    return answer(services().limits.set(get_actor(), path.scope, path.key, new))


@blueprint.delete("/limits/<scope>/<key>", operation_id="removeLimit", responses={200: LimitList, **told(404)})
def remove_limit(path: LimitPath) -> Response:
    """Remove a limit; answers with those that are left. Administrators only."""
    services().limits.remove(get_actor(), path.scope, path.key)
    return answer(LimitList(limits=services().limits.all(get_actor())))
