"""What documents say: the pieces that the search finds, and the vectors that say what each is about."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, REAL, Computed, ForeignKey, Index
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeEngine, UserDefinedType

from jobsapp.extensions import Base

WORDS = (
    "setweight(to_tsvector('english'::regconfig, heading), 'B'::\"char\") || "
    "setweight(to_tsvector('english'::regconfig, translate(document, '._-/'::text, '    '::text)), 'C'::\"char\") || "
    "to_tsvector('english'::regconfig, text)"
)


class Embedding(UserDefinedType[Any]):
    """pgvector's `vector`, of any dimension. Where the extension is missing the column is `real[]` instead."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "vector"


def type_differs(_context: Any, _found: Any, _wanted: Any, found: TypeEngine[Any], wanted: Any) -> bool | None:
    """What Alembic asks: whether the type of a column of the database differs from the model's. None: its own view."""
    plain = isinstance(found, ARRAY) and isinstance(found.item_type, REAL)
    return False if isinstance(wanted, Embedding) and plain else None


# So that reading the tables of a database knows the type.
ischema_names["vector"] = Embedding


class DocumentChunk(Base):
    """A piece of a document. It is found if its job is completed, and by this attempt.

    `char_from` and `char_to`: where it stands in the document's text. Pages are from 1.
    """

    __tablename__ = "document_chunks"
    __table_args__ = (
        Index("document_chunks_of_organization", "organization_id"),
        Index("document_chunks_by_words", "words", postgresql_using="gin"),
    )

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    document: Mapped[str]
    file_id: Mapped[UUID | None]
    page_from: Mapped[int | None]
    page_to: Mapped[int | None]
    heading: Mapped[str]
    char_from: Mapped[int]
    char_to: Mapped[int]
    text: Mapped[str]
    words: Mapped[Any] = mapped_column(TSVECTOR, Computed(WORDS, persisted=True))


class ChunkVector(Base):
    """The vector of a chunk, one long, by the model of that name. Vectors of other models have other dimensions."""

    __tablename__ = "chunk_vectors"
    __table_args__ = (
        Index("chunk_vectors_of_model", "organization_id", "model"),
        {"postgresql_with": {"toast_tuple_target": "8160"}},
    )

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    model: Mapped[str]
    embedding: Mapped[Any] = mapped_column(Embedding)
