"""The five formats: how to tell them apart, what their files are called."""

from __future__ import annotations

from pathlib import Path, PurePath

from jobsapp.core.sniff import HEAD_BYTES, sniffed
from jobsapp.processors.sdk import InputFile, Permanent

from .encoding import MARKS
from .model import Compression, Format

SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
PACKED = {"gzip": (".gz", "application/gzip"), "zstd": (".zst", "application/zstd")}
PACKED_TYPES = {"application/gzip": "gzip", "application/zstd": "zstd", "application/zip": "ZIP"}
PARQUET_MARK = b"PAR1"


def guess(source: InputFile) -> Format:
    """The format by content where that is certain, else by name. Raises `Permanent` if neither says."""
    with source.path.open("rb") as file:
        head = file.read(4096)
    if not head.strip():
        raise Permanent("The file is empty.")
    if head.startswith(PARQUET_MARK):
        return "parquet"
    named = SUFFIXES.get(PurePath(source.name).suffix.lower())
    start = _without_mark(head).lstrip()[:1]
    if named in ("json", "jsonl"):
        return _json_kind(source.path, named, start)
    if named:
        return named
    if start in (b"[", b"{"):
        return "json" if start == b"[" else "jsonl"
    raise Permanent(f"It cannot be told what {source.name!r} is. Say the format of the file.")


def refuse_packed(source: InputFile) -> None:
    """Raises `Permanent`: what a packed file unpacks to may be a thousand times as much."""
    with source.path.open("rb") as file:
        found = sniffed(file.read(HEAD_BYTES))
    if found in PACKED_TYPES:
        raise Permanent(f"{source.name!r} is packed ({PACKED_TYPES[found]}). Unpack it and upload what is in it.")


def result_name(source: str, target: Format, compression: Compression) -> tuple[str, str]:
    """Name and media type of the result: `orders.csv` becomes `orders.jsonl`."""
    path = PurePath(source)
    stem = path.stem if path.suffix.lower() in SUFFIXES else path.name
    if target != "parquet" and compression in PACKED:
        suffix, media_type = PACKED[compression]
        return f"{stem}.{target}{suffix}", media_type
    return f"{stem}.{target}", MEDIA_TYPES[target]


def _json_kind(path: Path, named: Format, start: bytes) -> Format:
    """JSON Lines are often called .json, and arrays .jsonl."""
    if start == b"[":
        return "json" if named == "json" or not _first_line_is_whole(path) else "jsonl"
    return "jsonl" if start == b"{" and _first_line_is_whole(path) else named


def _first_line_is_whole(path: Path) -> bool:
    """Is the first line a JSON value of its own, with more lines after it?"""
    import msgspec

    with path.open("rb") as file:
        line = file.readline(1 << 24)
        if not file.read(1):
            return False
    try:
        msgspec.json.decode(_without_mark(line), type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True


def _without_mark(data: bytes) -> bytes:
    for mark, _ in MARKS:
        data = data.removeprefix(mark)
    return data.replace(b"\0", b"")
