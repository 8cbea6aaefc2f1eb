"""What the search finds, for whom, and when not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.errors import InvalidInput, Unavailable
from jobsapp.processors.sdk import Passage
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.search import SearchView
from jobsapp.store import turns
from jobsapp.store.passages import Writer
from tests.processors.document_processing.pdfs import draw
from tests.services.documents import QUEUE, create, read, upload

Drain = Callable[[str], int]
DOCS = Path(__file__).parents[2] / "docs"
COUNTS = "SELECT (SELECT count(*) FROM document_chunks), (SELECT count(*) FROM chunk_vectors)"


def texts(found: SearchView) -> list[str]:
    return [result.text for result in found.results]


def test_a_passage_comes_with_its_source(services: Services, drain: Drain, member: Actor, tmp_path: Path) -> None:
    pages = [[("Harbours of the north " * 3, 10)] * 9, [("The tariff for salt is two crowns a barrel.", 10)]]
    file_id = upload(services, member, "prices.pdf", draw(tmp_path / "x.pdf", pages).read_bytes())
    job_id = create(services, member, file_id, chunkTokens=32, overlapTokens=0)
    drain(QUEUE)
    (result,) = services.search.find(member, "tariffs of salts").results
    assert (result.job_id, result.file_id, result.document) == (job_id, file_id, "prices.pdf")
    assert result.download_url == f"/api/files/{file_id}/content"
    assert (result.page_from, result.page_to) == (2, 2)
    assert [text for text, marked in result.parts if marked] == ["tariff", "salt"]
    assert (result.found_by, result.likeness) == (["words"], None)


def test_rare_words_count_for_more(services: Services, drain: Drain, member: Actor) -> None:
    for number in range(4):
        read(services, drain, member, f"{number}.md", f"The harbour, the harbour, again the harbour: {number}.")
    read(services, drain, member, "rare.md", "A tariff, and much else that nobody has asked for.")
    assert services.search.find(member, "tariff of a harbour").results[0].document == "rare.md"


def test_words_phrases_and_what_must_not_occur(services: Services, drain: Drain, member: Actor) -> None:
    for name, text in {
        "a.md": "Backups. Backups of backups are backups.",
        "b.md": "A restore from backups takes an hour, whatever else is said in here about other things at length.",
        "c.md": "Sheep graze.",
    }.items():
        read(services, drain, member, name, text)
    found = services.search.find(member, "restoring a backup")
    assert [result.document for result in found.results] == ["b.md", "a.md"]
    assert [result.document for result in services.search.find(member, 'backups "an hour"').results] == ["b.md"]
    assert [result.document for result in services.search.find(member, "backups -restore").results] == ["a.md"]
    assert [result.document for result in services.search.find(member, "backups", limit=1).results] == ["a.md"]
    assert texts(services.search.find(member, "the of and")) == []


def test_by_meaning_without_a_word_in_common(services: Services, drain: Drain, member: Actor) -> None:
    text = "# Payments\n\nRefunds are paid within 14 days.\n\n# Ships\n\nThe ship sails along the coast.\n"
    read(services, drain, member, "rules.md", text, embed="auto", chunkTokens=32, overlapTokens=0)
    found = services.search.find(member, "How do I get my money back?")
    assert "Refunds" in found.results[0].text
    assert found.results[0].found_by == ["meaning"]
    assert 0.25 < (found.results[0].likeness or 0) <= 1
    assert found.notes == []
    assert texts(services.search.find(member, "best recipe for an apple pie")) == [], "what is far away is not shown"
    assert texts(services.search.find(member, "How do I get my money back? -refunds")) == []
    both = services.search.find(member, "refund").results[0]
    assert both.found_by == ["words", "meaning"]
    assert both.score == pytest.approx(2 / 61, abs=1e-6)


QUESTIONS = {
    "how long may a job wait until it is cancelled": "expiresAt",
    "How is a person who signed out kept from using a copied cookie?": "copied cookie",
    "why are there extra tables next to jobs": "`job_queue` has a row",
    "When does the browser's socket get closed?": "| 1012 |",
    "states of a job": "--> pending",
    "why not fork for every job": "forks for every job",
    "is Redis needed to keep jobs safe": "may vanish",
    "exponential backoff of failed attempts": "RetryPolicy",
}


def test_real_questions_find_their_answers(services: Services, drain: Drain, member: Actor) -> None:
    text = "\n".join((DOCS / f"{name}.md").read_text() for name in ("architecture", "times", "doors"))
    read(services, drain, member, "architecture.md", text, embed="auto")
    missed = []
    for question, answer in QUESTIONS.items():
        if not any(answer in passage for passage in texts(services.search.find(member, question, limit=5))):
            missed.append(question)
    assert len(missed) <= 1, missed


def test_nobody_finds_what_is_another_organisations(
    services: Services, drain: Drain, member: Actor, stranger: Actor
) -> None:
    mine = read(services, drain, member, "mine.md", "The harbour is ours.", embed="auto")
    theirs = read(services, drain, stranger, "theirs.md", "The harbour is theirs.", embed="auto")
    assert texts(services.search.find(member, "harbour")) == ["The harbour is ours."]
    assert texts(services.search.find(stranger, "harbour")) == ["The harbour is theirs."]
    assert texts(services.search.find(member, "port for ships")) == ["The harbour is ours."]
    assert texts(services.search.find(member, "harbour", job_id=mine)) == ["The harbour is ours."]
    with pytest.raises(InvalidInput, match="job: there is no job"):
        services.search.find(member, "harbour", job_id=theirs)


def test_one_job_only(services: Services, drain: Drain, member: Actor) -> None:
    first = read(services, drain, member, "a.md", "The harbour is deep.", embed="auto")
    read(services, drain, member, "b.md", "The harbour is wide.", embed="auto")
    assert texts(services.search.find(member, "harbour", job_id=first)) == ["The harbour is deep."]


def test_what_is_not_to_be_searchable_is_not_stored(
    services: Services, drain: Drain, member: Actor, connection: psycopg.Connection[Any]
) -> None:
    job_id = read(services, drain, member, "secret.md", "The harbour is secret.", store=False, embed="minilm")
    assert connection.execute(COUNTS).fetchone() == (0, 0)
    assert (services.jobs.get(member, job_id).result or {})["searchable"] == 0


def test_deleted_jobs_leave_nothing(
    services: Services, drain: Drain, member: Actor, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    read(services, drain, member, "a.md", "The harbour is deep.", embed="auto")
    assert connection.execute(COUNTS).fetchone() == (1, 1)
    services.search.find(member, "harbour")
    assert services.cleanup.for_organization(admin, days=0) == 1
    assert connection.execute(COUNTS).fetchone() == (0, 0)


@pytest.mark.parametrize(
    ("typed", "how", "field"),
    [
        ("", {}, "q"),
        (" ?! ", {}, "q"),
        ("-only -without", {}, "q"),
        ("x" * 1001, {}, "q"),
        ("NUL \0", {}, "q"),
        ("word", {"limit": 0}, "limit"),
        ("word", {"limit": 101}, "limit"),
        ("word", {"job_id": UUID(int=7)}, "job"),
    ],
)
def test_a_wrong_question_names_its_field(
    services: Services, member: Actor, typed: str, how: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.search.find(member, typed, **how)
    assert [error.field for error in caught.value.errors] == [field]


ODD = ["a'b\\c", "''' k", "x & !y | (z", "co:* <-> d", "%s %(q)s", "ß東京 🚀 ok"]


@pytest.mark.parametrize("typed", ODD)
def test_no_question_breaks_the_statement(services: Services, drain: Drain, member: Actor, typed: str) -> None:
    read(services, drain, member, "a.md", "All of x z co ok quote a'b and what else there is", embed="auto")
    assert services.search.find(member, f'else {typed} -"{typed} {typed}"').results
    services.search.find(member, f'else {typed} "{typed}" -{typed} "')


def test_a_search_that_takes_too_long_is_ended(
    services: Services,
    drain: Drain,
    member: Actor,
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read(services, drain, member, "a.md", "The harbour is deep.")
    monkeypatch.setattr("jobsapp.store.search.SECONDS", 0.05)
    with connection.transaction():
        connection.execute("LOCK TABLE document_chunks")
        with pytest.raises(Unavailable, match="took more than"):
            services.search.find(member, "harbour")
    monkeypatch.undo()
    assert len(services.search.find(member, "harbour").results) == 1, "the limit was that search's alone"


def passage(text: str) -> Passage:
    return Passage(text, "by hand", vector=[1.0, 0.0])


def writer(connection: psycopg.Connection[Any], member: Actor, job_id: UUID, attempt: int) -> Writer:
    return Writer(lambda: connection, job_id, attempt, member.organization_id)


def claim(connection: psycopg.Connection[Any]) -> int:
    (job,) = turns.claim_jobs(connection, "echo", worker="hand", lease_seconds=60)
    return job.attempt


def test_only_the_attempt_that_completed_is_found(
    services: Services, member: Actor, connection: psycopg.Connection[Any]
) -> None:
    job_id = services.jobs.create(member, NewJob("echo", {}))[0].id
    first = writer(connection, member, job_id, claim(connection))
    assert first.keep([passage("harbour one")], "by hand")
    assert first.keep([passage("harbour two")], "by hand")
    assert texts(services.search.find(member, "harbour")) == [], "it runs"
    turns.finish_job(connection, job_id, 1, Transition(Status.PENDING, "failed"))
    assert texts(services.search.find(member, "harbour")) == [], "it waits for another attempt"
    services.jobs.cancel(member, job_id)
    services.jobs.retry(member, job_id)
    second = writer(connection, member, job_id, claim(connection))
    assert not first.keep([passage("harbour three")], "by hand"), "its attempt is over"
    assert connection.execute(COUNTS).fetchone() == (2, 2)
    assert second.keep([passage("harbour new")], "by hand")
    assert connection.execute(COUNTS).fetchone() == (1, 1), "those of the attempt before are dropped"
    turns.finish_job(connection, job_id, 2, Transition(Status.COMPLETED, "completed"))
    assert texts(services.search.find(member, "harbour")) == ["harbour new"]


def test_what_cannot_be_kept_is_refused(services: Services, member: Actor, connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(ValueError, match="100,001 characters"):
        writer(connection, member, uuid4(), 1).keep([Passage("x" * 100_001, "long")], "")
    with pytest.raises(ValueError, match="Name the model"):
        writer(connection, member, uuid4(), 1).keep([passage("x")], "")


def test_vectors_of_a_model_that_is_not_set_are_told(
    services: Services, member: Actor, connection: psycopg.Connection[Any]
) -> None:
    job_id = services.jobs.create(member, NewJob("echo", {}))[0].id
    assert writer(connection, member, job_id, claim(connection)).keep([passage("harbour")], "bygone")
    turns.finish_job(connection, job_id, 1, Transition(Status.COMPLETED, "completed"))
    found = services.search.find(member, "harbour")
    assert (texts(found), len(found.notes)) == (["harbour"], 1)
    assert "bygone" in found.notes[0]
