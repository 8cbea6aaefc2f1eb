"""The vectors are those of the model as its makers publish them, and behave as vectors of meaning do."""

from __future__ import annotations

import numpy as np
import pytest

from jobsapp.processors.document_processing.minilm import WINDOW, MiniLM
from jobsapp.processors.document_processing.threads import limit_threads


@pytest.fixture(scope="module")
def model():
    limit_threads(1)
    return MiniLM()


def test_similarities_that_sentence_transformers_documents(model):
    # From the first example of its documentation, which is this model on torch.
    made = model.embed(["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."])
    expected = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    np.testing.assert_allclose(made @ made.T, expected, atol=1e-4)


def test_first_numbers_of_the_example_sentence(model):
    (made,) = model.embed(["This is an example sentence"])
    np.testing.assert_allclose(made[:4], [0.0676569, 0.0634959, 0.0487131, 0.0793050], atol=1e-6)


def test_vectors_are_one_long_and_do_not_depend_on_their_neighbours(model):
    texts = ["", "word", "A sentence of more words, with a comma.", "Über 東京 🚀", "long " * 200, "x" * 5000]
    together = model.embed(texts)
    assert together.shape == (len(texts), 384)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(model.embed([text])[0], vector, atol=2e-6)


def test_meaning_is_closer_than_words(model):
    question, answer, same_words = model.embed(
        ["How do I get my money back?", "Refunds are paid within 14 days.", "My back hurts when I get up."]
    )
    assert question @ answer > question @ same_words + 0.1


def test_all_of_a_long_text_counts(model):
    start = "The ship sailed along the coast in the wind. " * 40
    assert len(model.tokens.ids(start)) > WINDOW
    sea, both, music = model.embed(
        [start, start + "A violin plays a sonata in the concert hall. " * 40, "violin music"]
    )
    assert both @ music > sea @ music + 0.1


def test_nothing_makes_no_vectors(model):
    assert model.embed([]).shape == (0, 384)
