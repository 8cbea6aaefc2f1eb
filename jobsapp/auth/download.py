"""Sending a stored file: the same for the API and for pages that were shared."""

from __future__ import annotations

from flask import Response, send_file

from jobsapp.errors import NotFound
from jobsapp.models import StoredFile
from jobsapp.services import Services


def sent(file: StoredFile, services: Services) -> Response:
    """The file, to be saved: never shown in our origin, whatever is inside. Raises NotFound if its bytes are gone."""
    source = services.files.path(file)
    if not source.is_file():
        raise NotFound(f"The bytes of the file {file.id} are gone.")
    response = send_file(
        source, mimetype=file.media_type, as_attachment=True, download_name=file.name, etag=file.sha256
    )
    response.cache_control.private = True
    return response
