"""Chunks are pieces of the Markdown, along its structure, none too large, and nothing is lost between them."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsapp.processors.document_processing.blocks import Block, heading
from jobsapp.processors.document_processing.chunks import Chunker, Placed, in_context
from jobsapp.processors.document_processing.minilm import Tokens, model_folder
from tests.examples import examples


@pytest.fixture(scope="module")
def tokens():
    return Tokens(model_folder())


def chunked(blocks, count, size=60, overlap=0):
    """The whole text, and its chunks."""
    chunker, text, made = Chunker(count, size, overlap), "", []
    for block in blocks:
        lead = "\n\n" if text else ""
        start = len(text) + len(lead)
        text += lead + block.text
        made += chunker.add(Placed(block, start, len(text), lead))
    return text, [*made, *chunker.end()]


def words(count: str) -> int:
    return len(count.split())


some_words = st.lists(st.sampled_from(["sea", "Boat.", "harbour,", "x" * 30, "東京", "#"]), min_size=1, max_size=80)
texts = some_words.map(lambda found: Block("text", " ".join(found)))
headings = st.builds(lambda level, n: heading(f"Part {n}", level), st.integers(1, 4), st.integers(0, 3))


@settings(max_examples=examples(100), deadline=None)
@given(blocks=st.lists(texts | headings, max_size=20), size=st.integers(5, 60), overlap=st.integers(0, 2))
def test_every_character_is_in_a_chunk_where_it_says(blocks, size, overlap):
    text, chunks = chunked(blocks, words, size, overlap)
    covered = bytearray(len(text))
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.text
        assert chunk.tokens == words(chunk.text) <= max(size, 1)
        covered[chunk.start : chunk.end] = b"\1" * (chunk.end - chunk.start)
    assert "".join(char for char, seen in zip(text, covered, strict=True) if not seen).strip() == ""


def test_tokens_of_the_model_bound_a_chunk(tokens):
    sentences = [f"In the year {1900 + n} the harbour of Bergen saw {n * 37} ships unload." for n in range(200)]
    _, chunks = chunked([Block("text", " ".join(sentences))], tokens.count, 100, 20)
    assert all(50 < chunk.tokens <= 100 for chunk in chunks[:-1])
    assert all(chunk.tokens == len(tokens.ids(chunk.text)) for chunk in chunks)
    assert all(later.start < before.end for before, later in pairwise(chunks)), "they overlap"


def test_a_word_that_never_ends_is_cut(tokens):
    _, chunks = chunked([Block("text", "A" * 50_000)], tokens.count, 100)
    assert max(len(chunk.text) for chunk in chunks) < 1212
    assert sum(len(chunk.text) for chunk in chunks) == 50_000


def test_sections_are_not_mixed_but_small_ones_of_one_chapter_are_put_together():
    blocks = [heading("One", 1), Block("text", "a"), heading("Sub", 2), Block("text", "b"), heading("Sub 2", 2)]
    blocks += [Block("text", "c"), heading("Two", 1), Block("text", "d")]
    _, chunks = chunked(blocks, words)
    assert [chunk.headings for chunk in chunks] == [("One",), ("Two",)]
    assert chunks[0].text == "# One\n\na\n\n## Sub\n\nb\n\n## Sub 2\n\nc"


def test_a_large_section_is_cut_and_keeps_the_path_of_its_headings():
    blocks = [heading("Book", 1), heading("Chapter", 2), Block("text", "word " * 100), heading("Next", 2)]
    _, chunks = chunked([*blocks, Block("text", "end " * 59)], words)
    assert [chunk.headings for chunk in chunks] == [("Book", "Chapter")] * 2 + [("Book", "Next")] * 2
    assert chunks[0].text.startswith("# Book\n\n## Chapter\n\nword")


def test_pages_of_a_chunk():
    blocks = [Block("text", f"on page {n} " * 5, page=n) for n in range(1, 9)]
    _, chunks = chunked(blocks, words, 40)
    for chunk in chunks:
        named = {int(n) for n in re.findall(r"page (\d)", chunk.text)}
        assert (chunk.page_from, chunk.page_to) == (min(named), max(named))


def test_context_of_a_chunk():
    assert in_context("text", ["A", "B"], "") == "A > B\ntext"
    assert in_context("| 1 |", ["A"], "| n |") == "A\n| n |\n| 1 |"
    assert in_context("# A\n\ntext", ["A"], "") == "# A\n\ntext"
