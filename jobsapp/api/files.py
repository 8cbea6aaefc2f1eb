"""Files: upload and download."""

from __future__ import annotations

from flask import Response, url_for
from flask_openapi3 import FileStorage
from pydantic import BaseModel, ConfigDict, field_validator

from jobsapp.api.area import FOR_GUESTS, answer, area
from jobsapp.api.models import IdPath
from jobsapp.api.problems import told
from jobsapp.auth.current import admits_guests, get_actor, get_reader, services
from jobsapp.auth.download import sent
from jobsapp.auth.upload import received
from jobsapp.core.storable import storable
from jobsapp.services.views import FileView

blueprint = area("files", "Upload inputs, download results.", takes_form=True)

# Of the media type that its name says.
BYTES = {"*/*": {"schema": {"type": "string", "format": "binary"}}}


class UploadForm(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    file: FileStorage

    @field_validator("file")
    @classmethod
    def _is_file(cls, file: object) -> object:
        if not getattr(file, "filename", ""):
            raise ValueError("must be a file with a name")
        return file


@blueprint.post("/files", operation_id="uploadFile", responses={201: FileView, **told(400, 413, 415)})
def upload(form: UploadForm) -> Response:
    """Upload a file. It streams to storage; its name is kept for people and never used as a path."""
    name = _clean(form.file.filename or "")
    file = services().files.register(get_actor(), received(form.file), name)
    return answer(services().views.file(file), 201, location=url_for("api_files.show", id=file.id))


@blueprint.get("/files/<uuid:id>", operation_id="getFile", responses={200: FileView, **told(404)})
def show(path: IdPath) -> Response:
    """Name, size, media type and SHA-256 of a file."""
    return answer(services().views.file(services().files.get(get_actor(), path.id)))


@blueprint.get(
    "/files/<uuid:id>/content",
    operation_id="downloadFile",
    security=FOR_GUESTS,
    responses={
        200: {"description": "The bytes", "content": BYTES},
        206: {"description": "The range of bytes that was asked for", "content": BYTES},
        **told(404, 416),
    },
)
@admits_guests
def download(path: IdPath) -> Response:
    """The file, to be saved: never shown in our origin, whatever is inside. Ranges and ETag work.

    With a token for one job: the files that it made.
    """
    return sent(services().files.get(get_reader(), path.id), services())


def _clean(name: str) -> str:
    try:
        return storable(name)
    except ValueError:
        return name.encode(errors="replace").decode().replace("\0", "")
