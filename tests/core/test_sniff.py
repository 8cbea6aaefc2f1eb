"""What a file is, by its content."""

from __future__ import annotations

import pytest

from jobsapp.core.sniff import UNKNOWN, checked

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.mark.parametrize(
    ("named", "head", "kept"),
    [
        ("image/png", PNG, "image/png"),
        ("text/csv", PNG, "image/png"),
        ("image/png", b"<script>alert(1)</script>", "text/html"),
        ("image/png", b"a,b\n1,2\n", UNKNOWN),
        ("image/svg+xml", b'<?xml version="1.0"?>\n<!-- x --><svg xmlns="', "image/svg+xml"),
        ("image/svg+xml", b"<!doctype html><svg>", "text/html"),
        ("application/pdf", b"MZ\x90\0", UNKNOWN),
        ("application/octet-stream", b"RIFF1234WEBPVP8 ", "image/webp"),
        ("image/jpeg", b"GIF89a", "image/gif"),
        ("text/csv", b"\x1f\x8b\x08\0", "application/gzip"),
        ("text/csv", b"id,name\n", "text/csv"),
        ("text/markdown", b"<html>", "text/markdown"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK\x03\x04", None),
        ("application/json", b"PK\x03\x04", "application/zip"),
        ("image/png", b"", "image/png"),
    ],
)
def test_content_goes_before_the_name(named: str, head: bytes, kept: str | None) -> None:
    assert checked(named, head) == (kept or named)
