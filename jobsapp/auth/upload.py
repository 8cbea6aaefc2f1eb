"""Requests whose uploads stream to storage, hashed on the way, instead of to memory or a temporary file."""

from __future__ import annotations

from typing import IO, Any, cast

from flask import current_app
from htmx_flask.requests import HtmxAwareRequest
from werkzeug.datastructures import FileStorage

from jobsapp.services import Services
from jobsapp.storage import Receiver


class UploadRequest(HtmxAwareRequest):
    """Each file part of a form goes into a storage receiver: `received(file)` gives it back.

    Receivers that nobody registered are dropped when the request ends.
    """

    def _get_file_stream(self, *_: Any, **__: Any) -> IO[bytes]:
        services = cast(Services, current_app.extensions["jobsapp"])
        if self.receivers:
            # A form comes part after part: the one before is whole.
            self.receivers[-1].rest()
        receiver = services.files.receiver()
        self.receivers.append(receiver)
        return cast("IO[bytes]", receiver)

    @property
    def receivers(self) -> list[Receiver]:
        return cast("list[Receiver]", self.__dict__.setdefault("_receivers", []))

    def close(self) -> None:
        super().close()
        for receiver in self.receivers:
            receiver.close()


def received(file: FileStorage) -> Receiver:
    """The receiver that took an uploaded file."""
    return cast(Receiver, file.stream)
