"""Presets: values to begin a job with."""

from __future__ import annotations

from typing import Any

from flask import Response
from pydantic import BaseModel, Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Body, Flag, Text
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.services.base import View
from jobsapp.services.presets import DESCRIPTION_LENGTH, NAME_LENGTH, NewPreset, PresetView

blueprint = area("presets", "Presets: values to begin a job with, of a type, of the organisation and of one's own.")


class PresetList(View):
    presets: list[PresetView]


class TypePath(BaseModel):
    type: Text = Field(max_length=200)


class PresetPath(TypePath):
    id: Text = Field(max_length=200)


class PresetBody(Body):
    name: Text = Field(min_length=1, max_length=NAME_LENGTH)
    """A preset of the caller's with this name is replaced."""
    description: Text = Field("", max_length=DESCRIPTION_LENGTH)
    data: dict[str, Any]
    """As for a job of the type; fields may be missing."""
    shared: Flag = False
    """For everybody in the organisation."""


@blueprint.get("/types/<type>/presets", operation_id="listPresets", responses={200: PresetList, **told(404)})
def index(path: TypePath) -> Response:
    """Those that come with the type, those of the organisation, and the caller's own."""
    return answer(PresetList(presets=services().presets.all(get_actor(), path.type)))


@blueprint.post(
    "/types/<type>/presets", operation_id="savePreset", responses={201: PresetView, **told(400, 404, 409, 413, 415)}
)
def save(path: TypePath, body: PresetBody) -> Response:
    """Keep a preset. Files are kept by their ids; when one is gone, the form leaves it out."""
    new = NewPreset(body.name, body.data, body.description, body.shared)
    return answer(services().presets.save(get_actor(), path.type, new), 201)


@blueprint.delete("/types/<type>/presets/<id>", operation_id="deletePreset", responses={200: PresetList, **told(404)})
def remove(path: PresetPath) -> Response:
    """Delete an own preset, or as an administrator a shared one; answers with those that are left."""
    services().presets.delete(get_actor(), path.type, path.id)
    return answer(PresetList(presets=services().presets.all(get_actor(), path.type)))
