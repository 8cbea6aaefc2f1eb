"""One run from its documents to its result."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from jobsapp.config import load_settings
from jobsapp.processors.sdk import JSON, Context, Permanent

from .embed import Vectors, embed_all
from .embedders import model_of
from .extract import extract_all
from .kept import Kept, Record, run_id
from .minilm import Tokens, model_folder
from .model import DocumentsInput
from .searchable import make_searchable
from .work import Work

# Up to so many texts are files of their own; more are put into one archive.
MOST_TEXTS = 20


def process(data: DocumentsInput, context: Context) -> JSON:
    """Read, cut and embed the documents and describe what was done. Raises `Permanent` if none could be read."""
    context.progress(0, None, "Opening…")
    files = [context.file(file_id) for file_id in data.documents]
    settings = load_settings()
    with Kept(context, run_id(data, files, model_of(data.embed, settings))) as kept:
        work = Work(context, data, files, kept, Tokens(model_folder()), settings)
        extract_all(work)
        _fail_if_all_failed(kept.records)
        total = sum(record.chunks for record in kept.records)
        if total:
            kept.save()
        vectors = embed_all(work) if data.embed != "none" and total else None
        names = _keep_texts(work)
        if total:
            _keep_chunks(work)
        if vectors is not None:
            _keep_vectors(context, vectors)
        searchable = make_searchable(work, vectors) if data.store and total else 0
        work.embedded(1.0, _said(kept.records))
        return _result(work, vectors, names) | {"searchable": searchable}


def _said(records: Sequence[Record]) -> str:
    """What came of all, in a line: `12 chunks of 2 documents, 1 could not be read`."""
    chunks = sum(record.chunks for record in records)
    failed = sum(record.status == "failed" for record in records)
    read = len(records) - failed
    said = f"{chunks:,} chunk{'s' * (chunks != 1)} of {read:,} document{'s' * (read != 1)}"
    return said + (f", {failed:,} could not be read" if failed else "")


def _fail_if_all_failed(records: Sequence[Record]) -> None:
    if any(record.status != "failed" for record in records):
        return
    told = [f"{record.document}: {record.message}" for record in records[:10]]
    more = [f"and {len(records) - 10:,} more"] if len(records) > 10 else []
    if len(records) == 1:
        raise Permanent(told[0])
    raise Permanent(f"None of the {len(records):,} documents could be read. {' '.join([*told, *more])}")


def _keep_texts(work: Work) -> dict[int, str]:
    """Keep the Markdown of each document. The names, by the number of the document."""
    names = _names(work.kept.records)
    if len(names) > MOST_TEXTS:
        with (
            work.context.artifact("texts.zip", "application/zip") as artifact,
            zipfile.ZipFile(artifact.path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        ):
            for number, name in names.items():
                work.context.check_cancelled()
                archive.write(work.kept.folder / work.kept.records[number].text, name)
        return names
    for number, name in names.items():
        with work.context.artifact(name, "text/markdown") as artifact:
            shutil.copyfile(work.kept.folder / work.kept.records[number].text, artifact.path)
    return names


def _names(records: Sequence[Record]) -> dict[int, str]:
    """A name for each text, none of them twice."""
    names: dict[int, str] = {}
    used: set[str] = set()
    for number, record in enumerate(records):
        if not record.characters:
            continue
        stem = PurePosixPath(record.document).stem[:200]
        name, again = f"{stem}.md", 2
        while name.casefold() in used:
            name, again = f"{stem}-{again}.md", again + 1
        used.add(name.casefold())
        names[number] = name
    return names


def _keep_chunks(work: Work) -> None:
    with (
        work.context.artifact("chunks.jsonl", "application/x-ndjson") as artifact,
        artifact.path.open("wb") as out,
    ):
        for record in work.kept.records:
            if record.chunks:
                _append(work.kept.folder / record.chunk_lines, out)


def _keep_vectors(context: Context, vectors: Vectors) -> None:
    """An array file of numpy (.npy), shape (chunks, dimensions), float32."""
    import numpy as np

    header = {"descr": np.dtype("<f4").str, "fortran_order": False, "shape": (vectors.rows, vectors.dimensions)}
    with context.artifact("vectors.npy", "application/octet-stream") as artifact, artifact.path.open("wb") as out:
        np.lib.format.write_array_header_1_0(out, header)
        _append(vectors.path, out)


def _append(path: Path, out: Any) -> None:
    with path.open("rb") as file:
        shutil.copyfileobj(file, out, 1 << 20)


def _result(work: Work, vectors: Vectors | None, names: dict[int, str]) -> dict[str, JSON]:
    records = work.kept.records
    return {
        "documents": len(records),
        "failed": sum(record.status == "failed" for record in records),
        "pages": sum(record.pages or 0 for record in records),
        "scannedPages": sum(record.scanned_pages for record in records),
        "characters": sum(record.characters for record in records),
        "chunks": sum(record.chunks for record in records),
        "tokens": sum(record.tokens for record in records),
        "vectors": vectors.rows if vectors else 0,
        "dimensions": vectors.dimensions if vectors else None,
        "model": vectors.model if vectors else None,
        "bytesIn": work.bytes_in,
        "seconds": round(work.kept.spent, 3),
        "perDocument": [_row(record, names.get(number)) for number, record in enumerate(records)],
    }


def _row(record: Record, name: str | None) -> dict[str, JSON]:
    return {
        "document": record.document,
        "status": record.status,
        "message": record.message or None,
        "error": record.kind or None,
        "format": record.format or None,
        "pages": record.pages,
        "scannedPages": record.scanned_pages,
        "characters": record.characters,
        "headings": record.headings,
        "tables": record.tables,
        "chunks": record.chunks,
        "tokens": record.tokens,
        "text": name,
    }
