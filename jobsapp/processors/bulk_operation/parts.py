"""Headers and bodies of calls, as a person may give them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from pydantic import SecretStr

# RFC 9110, 5.6.2; and those that say where a request begins and ends, or whose it is.
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "expect", "te", "trailer"})


def check_names(field: str, names: Iterable[str]) -> None:
    """Raises ValueError for a header that cannot be, or that is ours to set."""
    for name in names:
        if not TOKEN.fullmatch(name) or name.lower() in OURS:
            raise ValueError(f"{field}: {name!r} is no header that may be set")


def check_secret_headers(secret: Mapping[str, SecretStr], plain: Iterable[str]) -> None:
    """Raises ValueError, which never repeats a value."""
    known = {name.lower() for name in plain}
    check_names("secretHeaders", secret)
    for name, text in secret.items():
        value = text.get_secret_value()
        if not value or any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
            raise ValueError(f"secretHeaders: {name} needs a value without line breaks and control characters")
        if name.lower() in known:
            raise ValueError(f"secretHeaders: {name} is among the other headers too")


def check_json(body: str) -> None:
    try:
        json.loads(body)
    except ValueError as error:
        raise ValueError(f"body: not JSON: {error}") from None
