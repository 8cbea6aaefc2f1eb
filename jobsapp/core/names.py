"""Names and media types of files."""

from __future__ import annotations

import mimetypes
from pathlib import Path

NAME_LENGTH = 255
OWN_TYPES = {
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".gz": "application/gzip",
    ".zst": "application/zstd",
}


def display_name(name: str) -> str:
    """A file name fit to be shown and offered for saving: no folders, no control characters, not too long."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    clean = "".join(character for character in base if character.isprintable()).strip()
    return clean[-NAME_LENGTH:] or "file"


def media_type_of(name: str) -> str:
    """The media type that the name suggests."""
    own = OWN_TYPES.get(Path(name).suffix.lower())
    return own or mimetypes.guess_type(name)[0] or "application/octet-stream"
