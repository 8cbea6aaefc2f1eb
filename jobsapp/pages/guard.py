"""What stands before every page that is not public."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import request, url_for

from jobsapp.auth.current import check_csrf, get_actor

FORM_BYTES = 64 * 1024


def small() -> None:
    """For pages that take no file. Before anything reads the form: what is in it goes to storage, even of nobody."""
    request.max_content_length = FORM_BYTES


def signed_in() -> None:
    """Refuse who is not signed in, then changes from elsewhere. In this order: the first needs no body."""
    get_actor()
    check_csrf()


def local_path(address: str | None) -> str | None:
    """The address if it is a path on this site, otherwise None: a link must not lead people elsewhere."""
    if not address or not address.startswith("/") or not address.isprintable() or "\\" in address:
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return None if parts.scheme or parts.netloc or address.startswith("//") else address


def login_address() -> str:
    """Where to sign in, with the way back to the page that was asked for."""
    wanted = _page_asked_for()
    return url_for("login.show", next=wanted) if wanted and wanted != "/" else url_for("login.show")


def _page_asked_for() -> str | None:
    if request.method == "GET" and not request.headers.get("HX-Request"):
        return local_path(request.full_path.rstrip("?"))
    try:
        current = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:
        return None
    return local_path(f"{current.path}?{current.query}".rstrip("?"))
