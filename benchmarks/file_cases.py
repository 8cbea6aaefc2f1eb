"""Files beside the plain libraries: the cases `document-processing`, `bulk-operation` (import) and `data-conversion`
(examples of rows by a template) of `benchmarks.job_types`."""

from __future__ import annotations

import csv
import json
import os
import random
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.running import Case, processed

PAGES, LINES = 60, 55
ITEMS = 300_000
TABLE = "public.items"
CHUNK_TOKENS = 200
WORDS = [
    *("the", "harbour", "counted", "ships", "coal", "salt", "timber", "north", "customs", "office", "barrels", "oil"),
    *("between", "may", "august", "year", "winter", "merchant", "paid", "letter", "answer", "question", "price"),
    *("kettle", "water", "engine", "paper", "number", "table", "window", "morning"),
]


def _document(place: Path) -> Path:
    from tests.processors.document_processing.pdfs import draw

    chosen = random.Random(1)
    pages = [[(" ".join(chosen.choices(WORDS, k=12)), 10.0) for _ in range(LINES)] for _ in range(PAGES)]
    return draw(place / "book.pdf", pages)


def _documents_ours(source: Path, place: Path) -> None:
    from jobsapp.processors.document_processing import DocumentProcessing
    from jobsapp.processors.testing import file_id

    processed(
        DocumentProcessing,
        {"documents": [str(file_id(source))], "chunkTokens": CHUNK_TOKENS, "overlapTokens": 0},
        source,
        place,
    )


def _documents_plain(source: Path, place: Path) -> None:
    """Text, chunks and vectors by the same libraries and the same model."""
    import pypdfium2
    import semchunk
    from threadpoolctl import threadpool_limits

    from jobsapp.processors.document_processing.minilm import MiniLM

    document = pypdfium2.PdfDocument(source)
    text = "\n".join(page.get_textpage().get_text_bounded() for page in document)
    model = MiniLM()
    chunks = semchunk.chunk(text, CHUNK_TOKENS, lambda one: len(one) // 5)
    with threadpool_limits(1):
        vectors = [model.embed(chunks[at : at + 32]) for at in range(0, len(chunks), 32)]
    (place / "vectors.json").write_text(json.dumps([one.tolist() for one in vectors]))


def _items(place: Path) -> Path:
    import psycopg

    chosen, path = random.Random(1), place / "items.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "name", "price", "since"])
        for number in range(ITEMS):
            price = chosen.randrange(1, 100_000) / 100
            writer.writerow([number, f"{chosen.choice(WORDS)} {number}", price, f"2026-0{number % 9 + 1}-11"])
    with psycopg.connect(os.environ["JOBSAPP_BULK_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
        connection.execute(f"CREATE TABLE {TABLE} (id int PRIMARY KEY, name text, price numeric(10,2), since date)")
    return path


def _load_ours(source: Path, place: Path) -> None:
    from jobsapp.processors.bulk_operation import BulkOperation
    from jobsapp.processors.testing import file_id

    data = {"operation": "import", "table": TABLE, "dryRun": False, "source": str(file_id(source))}
    result = processed(BulkOperation, data, source, place)
    if (result["outcome"], result["inserted"]) != ("done", ITEMS):
        raise SystemExit(f"not all rows are there: {result}")


def _load_plain(source: Path, _place: Path) -> None:
    """Row by row through csv and COPY, as one writes it who looks at the rows."""
    import psycopg

    with (
        source.open(newline="") as file,
        psycopg.connect(os.environ["JOBSAPP_BULK_DATABASE_URL"]) as connection,
        connection.cursor() as cursor,
    ):
        rows = csv.reader(file)
        names = ", ".join(next(rows))
        with cursor.copy(f"COPY {TABLE} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def _insert_plain(source: Path, _place: Path) -> None:
    """As one writes it who wants to know which row failed, and goes on without it: batches, each behind a savepoint."""
    import psycopg

    with (
        source.open(newline="") as file,
        psycopg.connect(os.environ["JOBSAPP_BULK_DATABASE_URL"]) as connection,
        connection.cursor() as cursor,
    ):
        rows = csv.reader(file)
        names = next(rows)
        insert = f"INSERT INTO {TABLE} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})"
        while batch := list(islice(rows, 1_000)):
            with connection.transaction():
                cursor.executemany(insert, batch)


USER, ASSISTANT = "What does {{name}} cost?", "{{name}} costs {{price}}."


def _rows(place: Path) -> Path:
    # What a warm work-horse has imported too is not what is measured.
    import jobsapp.processors.data_conversion.convert
    import jobsapp.processors.data_conversion.examples.make  # noqa: F401

    path = place / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "price", "note"])
        writer.writerows([f"{WORDS[n % len(WORDS)]} {n}", n / 100, "as before"] for n in range(ITEMS))
    return path


def _examples_ours(source: Path, place: Path) -> None:
    from jobsapp.processors.data_conversion import DataConversion

    options = {"mode": "template", "user": USER, "assistant": ASSISTANT}
    processed(DataConversion, {"targetFormat": "jsonl", "options": options}, source, place)


def _examples_plain(source: Path, place: Path) -> None:
    seen: set[tuple[Any, ...]] = set()
    with source.open(newline="") as file, (place / "train.jsonl").open("w") as out:
        for row in csv.DictReader(file):
            asked = USER.replace("{{name}}", row["name"])
            answered = ASSISTANT.replace("{{name}}", row["name"]).replace("{{price}}", row["price"])
            if (asked, answered) not in seen:
                seen.add((asked, answered))
                messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
                out.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")


CASES: dict[str, Case] = {
    "document-processing": (_document, _documents_ours, _documents_plain, f"{PAGES} pages with vectors"),
    "bulk-operation, import": (_items, _load_ours, _insert_plain, f"{ITEMS:,} rows, plain: INSERT in batches"),
    "bulk-operation beside COPY": (_items, _load_ours, _load_plain, f"{ITEMS:,} rows, plain: COPY, all or nothing"),
    "data-conversion, examples": (_rows, _examples_ours, _examples_plain, f"{ITEMS:,} rows by a template"),
}
