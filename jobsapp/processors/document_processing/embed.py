"""A vector for each chunk, in the order of the chunks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobsapp.processors.sdk import Permanent

from .chunks import in_context
from .embedders import MINILM, open_embedder
from .threads import limit_threads
from .work import Work

if TYPE_CHECKING:
    from .embedders import Embedder
    from .minilm import Array

BYTES_PER_NUMBER = 4
# Written and remembered together, and sorted by length so that little is spent on padding.
GROUP = 32
# Between two batches a cancel is heard: about a second.
BATCH = 8


@dataclass(frozen=True)
class Vectors:
    """Rows of float32 in a file without a header, row n for chunk n."""

    path: Path
    rows: int
    dimensions: int
    model: str


def embed_all(work: Work) -> Vectors:
    """Make the vectors of all chunks, beginning behind those that the last attempt saved."""
    limit_threads(work.context.threads)
    model = open_model(work)
    total = sum(record.chunks for record in work.kept.records)
    path, size = work.kept.vectors()
    done = size // (model.dimensions * BYTES_PER_NUMBER)
    if done:
        work.context.log(f"Resumed: {done:,} of {total:,} vectors are made already.")
    chunks = islice(all_chunks(work), done, None)
    with path.open("ab") as file:
        while group := list(islice(chunks, GROUP)):
            file.write(_embed(work, model, group, done, total).tobytes())
            file.flush()
            done += len(group)
            if work.kept.is_due:
                work.kept.save(path, file.tell())
    return Vectors(path, done, model.dimensions, model.name)


def open_model(work: Work) -> Embedder:
    """Raises `Permanent` if it cannot be used here."""
    try:
        return open_embedder(work.model, work.settings)
    except ImportError as error:
        raise Permanent(
            f"embed: vectors by a server need the module {error.name!r}: pip install 'jobsapp[llm]', or choose MiniLM."
        ) from None


def all_chunks(work: Work) -> Iterator[dict[str, Any]]:
    """The lines of all documents, one after the other."""
    for record in work.kept.records:
        if record.chunks:
            with (work.kept.folder / record.chunk_lines).open(encoding="utf-8") as lines:
                for line in lines:
                    yield json.loads(line)


def _embed(work: Work, model: Embedder, group: Sequence[dict[str, Any]], done: int, total: int) -> Array:
    """The vectors of a group in its order; `done` of `total` are those before it."""
    import numpy as np

    order = sorted(range(len(group)), key=lambda index: int(group[index]["tokens"]))
    made = np.zeros((len(group), model.dimensions), np.float32)
    # A server takes many at once.
    size = BATCH if model.name == MINILM else GROUP
    for start in range(0, len(order), size):
        work.context.check_cancelled()
        batch = order[start : start + size]
        texts = [in_context(group[n]["text"], group[n]["headings"], group[n]["tableHeader"]) for n in batch]
        made[batch] = model.embed(texts)
        here = done + start + len(batch)
        work.embedded(here / total, f"{group[-1]['document']}: vector {here:,} of {total:,}")
    return made
