"""Questions, merged orders and excerpts: without a database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsapp.core.search import Question, excerpt, fuse, parse, pieces, words_of


@pytest.mark.parametrize(
    ("typed", "question"),
    [
        ("lost updates", Question("lost updates")),
        ('lost "two phase" -oracle', Question("lost two phase", ("two phase",), ("oracle",))),
        ('-"red tape" a-b -c', Question("a-b", (), ("red tape", "c"))),
        ('an odd " quote', Question("an odd quote")),
        ("2 - 1", Question("2 - 1")),
        ("", Question("")),
    ],
)
def test_what_a_question_asks_for(typed: str, question: Question) -> None:
    assert parse(typed) == question


def test_what_stands_high_in_both_orders_comes_first() -> None:
    scores = fuse([["a", "b", "c"], ["c", "b"]])
    assert list(scores) == ["c", "b", "a"]
    assert scores["c"] == pytest.approx(1 / 63 + 1 / 61)
    assert fuse([]) == {}


def test_an_excerpt_shows_where_the_words_are_densest() -> None:
    text = "ship " + "wind and rain " * 60 + "the ship in the harbour pays a tariff " + "sun and sand " * 60
    shown = excerpt(text, {"ship", "harbour", "tariff"})
    assert [part for part, marked in pieces(shown.text, shown.marks) if marked] == ["ship", "harbour", "tariff"]
    assert shown.text.startswith("… ")
    assert shown.text.endswith(" …")
    assert 250 < len(shown.text) < 400


def test_a_short_text_stays_whole() -> None:
    assert excerpt("A ship\n sails.", {"ship"}).text == "A ship sails."


def test_an_excerpt_has_no_marks_of_headings_and_tables() -> None:
    table = "## Prices\n\n| good | price |\n| --- | --- |\n| salt | 2 # |\n"
    assert excerpt(table, set()).text == "Prices good | price salt | 2 #"


@given(st.text(max_size=2000), st.data())
def test_marks_are_words_of_the_excerpt(text: str, data: st.DataObject) -> None:
    words = sorted(words_of(text))
    marked = set(data.draw(st.lists(st.sampled_from(words)))) if words else set()
    shown = excerpt(text, marked, length=100)
    parts = pieces(shown.text, shown.marks)
    assert "".join(part for part, _ in parts) == shown.text
    assert all(part in marked for part, is_marked in parts if is_marked)
