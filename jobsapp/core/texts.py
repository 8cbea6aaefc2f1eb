"""What people say of a text file: its encoding and its delimiter. For the `field_validator` of an input model."""

from __future__ import annotations

import codecs

AUTO = "auto"


def known_encoding(value: str) -> str:
    """The name in small letters. Raises `ValueError` with what to try if Python knows none of that name, or it is one
    from bytes to bytes such as `base64`."""
    value = value.strip().lower()
    try:
        known = codecs.lookup(value)
    except LookupError:
        raise ValueError(f"{value!r} is not an encoding; try utf-8, utf-16, latin-1 or windows-1252") from None
    if not getattr(known, "_is_text_encoding", True):
        raise ValueError(f"{value!r} does not turn bytes into text; try utf-8, utf-16 or latin-1")
    return value


def known_encoding_or_auto(value: str) -> str:
    """As `known_encoding`; the word `auto` leaves it to the reader."""
    return AUTO if value.strip().lower() == AUTO else known_encoding(value)


def one_delimiter(value: str | None) -> str | None:
    """One character; `tab` is one, the empty text is none. Raises `ValueError`."""
    if not value:
        return None
    value = "\t" if value in ("tab", "\\t") else value
    if len(value) != 1 or value in '\r\n"':
        raise ValueError("give one character, such as , or ; or the word tab")
    return value
