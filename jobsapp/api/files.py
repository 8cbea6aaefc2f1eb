"""Files: uploading, finding, downloading and deleting them."""

from __future__ import annotations

from flask import Response, request, url_for
from flask_openapi3 import FileStorage
from pydantic import BaseModel, ConfigDict, Field, field_validator

from jobsapp.api.area import FOR_GUESTS, answer, area
from jobsapp.api.models import Cursor, IdPath, Query, encode_cursor
from jobsapp.api.problems import told
from jobsapp.api.strict import MORE_THAN_ONCE
from jobsapp.auth.current import admits_guests, get_actor, get_reader, services
from jobsapp.auth.download import sent
from jobsapp.auth.upload import received
from jobsapp.core.storable import storable
from jobsapp.services.base import Moment, View
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
        if len(request.files.getlist("file")) > 1:
            raise ValueError(MORE_THAN_ONCE)
        return file


class UploadView(FileView):
    created_at: Moment


class UploadsQuery(Query):
    limit: int = Field(50, ge=1, le=200)
    cursor: Cursor | None = None
    """`nextCursor` of the page before."""


class UploadPage(View):
    """A page of uploads, newest first.

    It may hold fewer than `limit`, or none, and yet have a `nextCursor`: a page looks at 20,000 of the organisation's
    files at most.
    """

    files: list[UploadView]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this is the last one."""


@blueprint.post("/files", operation_id="uploadFile", responses={201: FileView, **told(400, 413, 415)})
def upload(form: UploadForm) -> Response:
    """Upload a file. It streams to storage; its name is kept for people and never used as a path."""
    name = _clean(form.file.filename or "")
    file = services().files.register(get_actor(), received(form.file), name)
    return answer(services().views.file(file), 201, location=url_for("api_files.show", id=file.id))


@blueprint.get("/files", operation_id="listFiles", responses={200: UploadPage})
def index(query: UploadsQuery) -> Response:
    """Your own uploads, newest first. What jobs made is listed with the jobs."""
    found, last = services().uploads.page(get_actor(), before=query.cursor, limit=query.limit)
    files = [UploadView.model_validate(file, from_attributes=True) for file in found]
    return answer(UploadPage(files=files, next_cursor=encode_cursor(last) if last else None))


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


@blueprint.delete("/files/<uuid:id>", operation_id="deleteFile", responses={204: None, **told(404, 409)})
def delete(path: IdPath) -> Response:
    """Delete an upload that no job reads. Uploads of others: operators and administrators only."""
    services().uploads.delete(get_actor(), path.id)
    return Response(status=204)


def _clean(name: str) -> str:
    try:
        return storable(name)
    except ValueError:
        return name.encode(errors="replace").decode().replace("\0", "")
