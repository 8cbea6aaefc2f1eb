"""Writing passages for the search: by COPY, in the order in which they come, fenced by the job's attempt."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.processors.sdk import Passage
from jobsapp.store.statements import statement

LONGEST = 100_000
COPY_CHUNKS = """COPY document_chunks (job_id, attempt, number, organization_id, document, file_id, page_from, page_to,
heading, char_from, char_to, text) FROM STDIN"""
COPY_VECTORS = """COPY chunk_vectors (job_id, attempt, number, organization_id, model, embedding) FROM STDIN
(FORMAT BINARY)"""
TYPE_OF_EMBEDDING = """SELECT format_type(atttypid, NULL) FROM pg_attribute
WHERE attrelid = 'chunk_vectors'::regclass AND attname = 'embedding'"""
# PostgreSQL's manual, "COPY", Binary Format: signature, flags, length of an extension; -1 instead of a row at the end.
BEGIN, END = b"PGCOPY\n\xff\r\n\0" + bytes(8), struct.pack(">h", -1)
FLOAT4 = 700


class Writer:
    """Of one attempt of a job. Its first passages take the place of those that earlier attempts kept."""

    def __init__(
        self, connect: Callable[[], Connection[Any]], job_id: UUID, attempt: int, organization_id: UUID
    ) -> None:
        """`connect` gives a connection in autocommit mode."""
        self._connect = connect
        self._job_id, self._attempt, self._organization_id = job_id, attempt, organization_id
        self._number = 0

    def keep(self, passages: Sequence[Passage], model: str) -> bool:
        """Write them in one transaction. False, and nothing is written: the job has another attempt by now.

        `model` made their vectors. Raises ValueError for a passage of more than 100,000 characters, or a vector
        without a model, and psycopg.OperationalError.
        """
        _check(passages, model)
        connection, of_job = self._connect(), {"job_id": self._job_id, "attempt": self._attempt}
        with connection.transaction():
            if connection.execute(statement("hold_attempt"), of_job).fetchone() is None:
                return False
            if self._number == 0:
                connection.execute(statement("forget_passages"), of_job)
            self._copy(connection, passages, model)
        self._number += len(passages)
        return True

    def _copy(self, connection: Connection[Any], passages: Sequence[Passage], model: str) -> None:
        with connection.cursor() as cursor:
            with cursor.copy(COPY_CHUNKS) as copy:
                for number, passage in enumerate(passages, self._number + 1):
                    copy.write_row(self._row(number, passage))
            found = cursor.execute(TYPE_OF_EMBEDDING).fetchone()
            form = as_vector if found and found[0].endswith("vector") else as_array
            with cursor.copy(COPY_VECTORS) as copy:
                copy.write(BEGIN + b"".join(self._vectors(passages, model, form)) + END)

    def _row(self, number: int, passage: Passage) -> tuple[Any, ...]:
        key = (self._job_id, self._attempt, number, self._organization_id)
        place = (passage.document, passage.file_id, passage.page_from, passage.page_to, passage.heading)
        return (*key, *place, passage.start, passage.end, passage.text)

    def _vectors(
        self, passages: Sequence[Passage], model: str, form: Callable[[Sequence[float]], bytes]
    ) -> Iterator[bytes]:
        for number, passage in enumerate(passages, self._number + 1):
            if passage.vector is not None:
                numbers = (struct.pack(">i", self._attempt), struct.pack(">i", number))
                key = (self._job_id.bytes, *numbers, self._organization_id.bytes)
                fields = (*key, model.encode(), form(passage.vector))
                yield struct.pack(">h", len(fields)) + b"".join(struct.pack(">i", len(one)) + one for one in fields)


def as_vector(values: Sequence[float]) -> bytes:
    """As pgvector's `vector_recv` reads it: the dimension, two bytes unused, numbers of four bytes, largest first."""
    return struct.pack(">hh", len(values), 0) + _big_endian(array("f", values)).tobytes()


def as_array(values: Sequence[float]) -> bytes:
    """As PostgreSQL's `array_recv` reads `real[]`: one dimension from 1, then each number after its length, 4."""
    fields = array("I", [4]) * (2 * len(values))
    fields[1::2] = array("I", array("f", values).tobytes())
    return struct.pack(">iiIii", 1, 0, FLOAT4, len(values), 1) + _big_endian(fields).tobytes()


def _big_endian(values: array[Any]) -> array[Any]:
    if sys.byteorder == "little":
        values.byteswap()
    return values


def _check(passages: Sequence[Passage], model: str) -> None:
    for passage in passages:
        if len(passage.text) > LONGEST:
            raise ValueError(f"A passage of {passage.document} has {len(passage.text):,} characters, over {LONGEST:,}.")
        if passage.vector is not None and not model:
            raise ValueError("Name the model that made the vectors.")
