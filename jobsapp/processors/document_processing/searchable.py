"""What the search of the organisation finds: every chunk, with its vector where one was made."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Any
from uuid import UUID

from jobsapp.processors.sdk import Passage

from .embed import BYTES_PER_NUMBER, Vectors, all_chunks
from .work import Work

# Kept in one transaction: some tenths of a second.
BATCH = 250


def make_searchable(work: Work, vectors: Vectors | None) -> int:
    """Give all chunks to the search. How many there were."""
    passages, model, done = _passages(work, vectors), vectors.model if vectors else "", 0
    total = sum(record.chunks for record in work.kept.records)
    while batch := list(islice(passages, BATCH)):
        work.context.check_cancelled()
        work.context.make_searchable(batch, model)
        done += len(batch)
        work.embedded(1.0, f"{done:,} of {total:,} chunks are in the search")
    return done


def _passages(work: Work, vectors: Vectors | None) -> Iterator[Passage]:
    with vectors.path.open("rb") if vectors else nullcontext() as file:
        for line in all_chunks(work):
            vector = None
            if vectors and file:
                vector = array("f", file.read(vectors.dimensions * BYTES_PER_NUMBER))
            yield _passage(line, vector)


def _passage(line: dict[str, Any], vector: array[float] | None) -> Passage:
    return Passage(
        text=line["text"],
        document=line["document"],
        file_id=UUID(line["fileId"]),
        heading=" > ".join(line["headings"]),
        page_from=line["pageFrom"],
        page_to=line["pageTo"],
        start=line["start"],
        end=line["end"],
        vector=vector,
    )
