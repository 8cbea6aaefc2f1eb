"""Search in what jobs made searchable: by words and by meaning, in the actor's organisation, with sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from psycopg.errors import QueryCanceled
from sqlalchemy import select

from jobsapp.core.actors import Actor
from jobsapp.core.search import Question, excerpt, fuse, parse, pieces, words_of
from jobsapp.core.storable import is_storable
from jobsapp.errors import InvalidInput, Unavailable
from jobsapp.models import Job
from jobsapp.models.documents import DocumentChunk
from jobsapp.processors.document_processing.embedders import MINILM
from jobsapp.services.base import View
from jobsapp.services.questions import CannotEmbed, QuestionModels
from jobsapp.services.sessions import DbSession, driver
from jobsapp.store import search as store

LONGEST, MOST = 1000, 100
# What is less alike has nothing to do with the question: with MiniLM questions about other things reach 0.22. Other
# models have other scales.
LEAST_LIKENESS = {MINILM: 0.25}
NO_PGVECTOR = "Found by words only: the database lacks the extension pgvector."

Way = Literal["words", "meaning"]


class MarkView(View):
    start: int
    end: int


class ResultView(View):
    """One passage, with where it comes from."""

    job_id: UUID
    job_name: str
    document: str
    """The document's name; of one in an archive with the archive's before it."""
    file_id: UUID | None
    """The stored file. null: it is gone."""
    download_url: str | None
    page_from: int | None
    page_to: int | None
    heading: str
    """The headings above it, the largest first, with ` > ` between them."""
    score: float
    """What the order comes from: the sum of 1 / (60 + place) over the order by words and that by meaning."""
    likeness: float | None
    """How near its vector is to the question's, -1 to 1. null: it was found by words only."""
    found_by: list[Way]
    excerpt: str
    marks: list[MarkView]
    """Where in the excerpt words of the question stand, in characters."""
    char_from: int
    """Where the passage stands in the document's text, in characters."""
    char_to: int
    text: str
    """The whole passage."""

    @property
    def parts(self) -> list[tuple[str, bool]]:
        """The excerpt in pieces, each with whether it is marked."""
        return pieces(self.excerpt, [(mark.start, mark.end) for mark in self.marks])


class SearchView(View):
    results: list[ResultView]
    notes: list[str]
    """What the search could not do, in sentences for people."""


@dataclass
class _Looked:
    """What was found, in one order for each way, and what could not be done."""

    orders: list[list[store.Key]] = field(default_factory=list)
    by_words: set[store.Key] = field(default_factory=set)
    likeness: dict[store.Key, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def ways(self, key: store.Key) -> list[Way]:
        words: list[Way] = ["words"] if key in self.by_words else []
        return [*words, "meaning"] if key in self.likeness else words


class Search:
    def __init__(self, session: DbSession, models: QuestionModels) -> None:
        self._session = session
        self._models = models

    def find(self, actor: Actor, typed: str, *, limit: int = 10, job_id: UUID | None = None) -> SearchView:
        """The passages that fit a question best, of all that the organisation's completed jobs made searchable.

        Raises InvalidInput naming `q`, `limit` or `job`, and Unavailable if it takes too long.
        """
        question = self._checked(actor, typed, limit, job_id)
        scope = store.Scope(actor.organization_id, job_id)
        try:
            return self._find(question, scope, limit)
        except QueryCanceled:
            self._session.rollback()
            raise Unavailable(
                f"The search took more than {store.SECONDS} s. Ask for rarer words, or one job."
            ) from None

    def covers(self, actor: Actor, job_id: UUID) -> bool:
        """Whether a search within that job can find anything."""
        made = select(DocumentChunk.job_id).where(
            DocumentChunk.job_id == job_id, DocumentChunk.organization_id == actor.organization_id
        )
        return self._session.scalar(made.limit(1)) is not None

    def _checked(self, actor: Actor, typed: str, limit: int, job_id: UUID | None) -> Question:
        if len(typed) > LONGEST or not is_storable(typed):
            raise InvalidInput.of("q", f"must be a text of at most {LONGEST:,} characters that can be stored.")
        if not 1 <= limit <= MOST:
            raise InvalidInput.of("limit", f"must be from 1 to {MOST}.")
        question = parse(typed)
        if not words_of(question.text):
            raise InvalidInput.of("q", "must have a word to look for.")
        if job_id is not None and not self._session.scalar(
            select(Job.id).where(Job.id == job_id, Job.organization_id == actor.organization_id)
        ):
            raise InvalidInput.of("job", f"there is no job {job_id} in your organisation.")
        return question

    def _find(self, question: Question, scope: store.Scope, limit: int) -> SearchView:
        looked = _Looked()
        vectors = self._vectors(question, scope, looked)
        connection = driver(self._session)
        store.begin(connection)
        asked = store.parse_question(connection, question)
        if asked.any_word:
            found = [one.key for one in store.by_words(connection, scope, asked)]
            looked.orders.append(found)
            looked.by_words = set(found)
        for model, vector in vectors.items():
            least = LEAST_LIKENESS.get(model, -1.0)
            near = {one.key: one.likeness or 0.0 for one in store.by_vector(connection, scope, asked, model, vector)}
            near = {key: likeness for key, likeness in near.items() if likeness >= least}
            looked.orders.append(list(near))
            looked.likeness |= near
        return SearchView(results=self._results(looked, asked, limit), notes=looked.notes)

    def _vectors(self, question: Question, scope: store.Scope, looked: _Looked) -> dict[str, Sequence[float]]:
        """The question's vector by each model that made vectors here, as far as it can be had."""
        connection = driver(self._session)
        there = store.vector_models(connection, scope.organization_id)
        if there and not store.has_vectors(connection):
            looked.notes.append(NO_PGVECTOR)
            return {}
        # The connection is for others while a model works.
        self._session.rollback()
        made: dict[str, Sequence[float]] = {}
        for model in there:
            if model not in self._models.names:
                looked.notes.append(
                    f"What {model} made vectors of is found by words only: it is not set here any more."
                )
                continue
            try:
                made[model] = self._models.vector(model, question.text)
            except CannotEmbed as error:
                looked.notes.append(f"Found by words only: {error}.")
        return made

    def _results(self, looked: _Looked, asked: store.Conditions, limit: int) -> list[ResultView]:
        scores = dict(list(fuse(looked.orders).items())[:limit])
        if not scores:
            return []
        connection = driver(self._session)
        rows = store.read_passages(connection, list(scores))
        words = set().union(*(words_of(row.text) for row in rows))
        marked = store.words_asked_for(connection, words, asked.any_word) if asked.any_word else set()
        by_key = {(key.job_id, key.number): key for key in scores}
        found = [(by_key[row.job_id, row.number], row) for row in rows]
        return [_result(row, scores[key], looked.likeness.get(key), looked.ways(key), marked) for key, row in found]


def _result(
    row: store.PassageRow, score: float, likeness: float | None, ways: list[Way], marked: set[str]
) -> ResultView:
    shown = excerpt(row.text, marked)
    return ResultView(
        job_id=row.job_id,
        job_name=row.job_name,
        document=row.document,
        file_id=row.file_id,
        download_url=f"/api/files/{row.file_id}/content" if row.file_id else None,
        page_from=row.page_from,
        page_to=row.page_to,
        heading=row.heading,
        score=round(score, 6),
        likeness=None if likeness is None else round(likeness, 4),
        found_by=ways,
        excerpt=shown.text,
        marks=[MarkView(start=start, end=end) for start, end in shown.marks],
        char_from=row.char_from,
        char_to=row.char_to,
        text=row.text,
    )
