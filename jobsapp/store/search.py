"""Statements that find passages: by words, by vectors, in one organisation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from jobsapp.core.search import Question
from jobsapp.store.passages import TYPE_OF_EMBEDDING
from jobsapp.store.statements import fetch_all, fetch_one

# Of each order so many are looked at.
DEPTH = 100
SECONDS = 10
BEGIN = "SELECT set_config('statement_timeout', %s, true), set_config('plan_cache_mode', 'force_custom_plan', true)"


@dataclass(frozen=True)
class Conditions:
    """A question's word forms, and PostgreSQL's `tsquery` as text; "": none."""

    lexemes: list[str]
    any_word: str
    must: str


@dataclass(frozen=True)
class Scope:
    """Where to look: in an organisation, or in one job of it."""

    organization_id: UUID
    job_id: UUID | None = None


@dataclass(frozen=True)
class Key:
    """Which chunk."""

    job_id: UUID
    attempt: int
    number: int


@dataclass(frozen=True)
class Found:
    job_id: UUID
    attempt: int
    number: int
    likeness: float | None

    @property
    def key(self) -> Key:
        return Key(self.job_id, self.attempt, self.number)


@dataclass(frozen=True)
class PassageRow:
    """`file_id` is None if the file is gone."""

    job_id: UUID
    number: int
    job_name: str
    document: str
    file_id: UUID | None
    page_from: int | None
    page_to: int | None
    heading: str
    char_from: int
    char_to: int
    text: str


@dataclass(frozen=True)
class _Model:
    model: str


@dataclass(frozen=True)
class _Word:
    word: str


def begin(connection: Connection[Any]) -> None:
    """From here to the end of the transaction a statement may take SECONDS; then it raises QueryCanceled.

    And each is planned for its own words: a plan for words that nobody knows takes a hundred times as long.
    """
    connection.execute(BEGIN, [f"{SECONDS}s"])


def parse_question(connection: Connection[Any], question: Question) -> Conditions:
    values = {"text": question.text, "phrases": list(question.phrases), "excluded": list(question.excluded)}
    return fetch_one(connection, "parse_question", Conditions, **values) or Conditions([], "", "")


def has_vectors(connection: Connection[Any]) -> bool:
    """Whether the database can compare vectors: the column has pgvector's type."""
    found = connection.execute(TYPE_OF_EMBEDDING).fetchone()
    return found is not None and str(found[0]).endswith("vector")


def vector_models(connection: Connection[Any], organization_id: UUID) -> list[str]:
    """The models that made vectors of this organisation's chunks."""
    return [one.model for one in fetch_all(connection, "vector_models", _Model, organization_id=organization_id)]


def by_words(connection: Connection[Any], scope: Scope, asked: Conditions) -> list[Found]:
    """The best first, up to DEPTH."""
    return fetch_all(connection, "search_words", Found, **asdict(scope), **asdict(asked), limit=DEPTH)


def by_vector(
    connection: Connection[Any], scope: Scope, asked: Conditions, model: str, vector: Sequence[float]
) -> list[Found]:
    """The nearest first, up to DEPTH, with their likeness: the cosine, -1 to 1."""
    values = {**asdict(scope), "must": asked.must, "model": model, "vector": str(list(vector))}
    return fetch_all(connection, "search_vectors", Found, **values, limit=DEPTH)


def read_passages(connection: Connection[Any], keys: Sequence[Key]) -> list[PassageRow]:
    """In the order of the keys."""
    columns = {
        "job_ids": [key.job_id for key in keys],
        "attempts": [key.attempt for key in keys],
        "numbers": [key.number for key in keys],
    }
    return fetch_all(connection, "read_passages", PassageRow, **columns)


def words_asked_for(connection: Connection[Any], words: Collection[str], any_word: str) -> set[str]:
    rows = fetch_all(connection, "words_asked_for", _Word, words=sorted(words), any_word=any_word)
    return {row.word for row in rows}
