"""Headers that narrow what a page may do: all of it comes from us, nothing is inline, nobody frames us."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlsplit

from flask import Flask, Response

from jobsapp.services import Services

POLICY = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
UNUSED = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer", "microphone", "midi"),
    *("payment", "publickey-credentials-get", "serial", "usb", "xr-spatial-tracking"),
)
HEADERS = {
    "Content-Security-Policy": "; ".join(" ".join(part) for part in POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in UNUSED),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# A year. Not of the hosts below ours, which may be somebody else's.
HTTPS_ONLY = "max-age=31536000"


def init_app(app: Flask) -> None:
    """Behind https browsers are told never to come by http again."""
    settings = cast(Services, app.extensions["jobsapp"]).settings
    headers = dict(HEADERS)
    if urlsplit(settings.base_url).scheme == "https":
        headers["Strict-Transport-Security"] = HTTPS_ONLY

    def add(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response

    app.after_request(add)
