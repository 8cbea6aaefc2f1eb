"""Words of an organisation make no text that is large, and hold nobody up."""

from __future__ import annotations

import pytest

from jobsapp.errors import InvalidInput
from jobsapp.services.wording import JOB, SAID_TEXT_LENGTH, SAMPLES, Words, check_words

LONG = JOB | {"name": "n" * 200, "error": {"type": "E", "message": "m" * 100_000}}
FOUR = "{{ job.name|join(job.name|join(job.name|join(job.name))) }}x"


@pytest.mark.parametrize("text", [FOUR, '{{ job.attempts|round(9999999999, "floor") }}x'])
def test_what_could_grow_is_refused_and_is_not_said_though_it_was_kept(text: str) -> None:
    with pytest.raises(InvalidInput):
        check_words(Words(text=text))
    values = SAMPLES["single"] | {"job": LONG}
    assert Words(text=text).said(values, digest=False)[1].startswith("n" * 200 + " failed")


def test_a_loop_over_a_text_ends_where_a_message_does() -> None:
    words = Words(text="{% for one in job.error.message %}" + "y" * 5000 + "{% endfor %}")
    check_words(words)
    assert len(words.said(SAMPLES["single"] | {"job": LONG}, digest=False)[1]) == SAID_TEXT_LENGTH


def test_lists_are_joined() -> None:
    text = "{{ jobs|join(', ')|length > 3 }}"
    check_words(Words(digest_text=text))
    assert Words(digest_text=text).said(SAMPLES["digest"], digest=True)[1] == "True"
