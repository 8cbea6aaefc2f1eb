"""Who is asking: sessions for people, tokens for programs, and the guards in front of both."""

from __future__ import annotations

from flask import Flask

from jobsapp.auth.upload import UploadRequest


def init_app(app: Flask) -> None:
    """Uploads go straight to storage, whoever sends them."""
    app.request_class = UploadRequest
