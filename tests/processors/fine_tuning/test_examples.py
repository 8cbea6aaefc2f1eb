"""The file of examples: every form that is read, every fault by its line, and which tokens are learnt."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsapp.processors.fine_tuning.encode import IGNORED, encode
from jobsapp.processors.fine_tuning.examples import Example, Fault, parse
from jobsapp.processors.sdk import Permanent

from .conftest import Tune
from .tiny import chat, make, pairs, write


def said(line: str) -> list[tuple[str, str, bool]]:
    return [(one.role, one.content, one.learnt) for one in parse(line.encode())]


def test_every_form_becomes_a_conversation() -> None:
    assert said('{"prompt": "a", "completion": "b"}') == [("user", "a", False), ("assistant", "b", True)]
    assert said('{"instruction": "a", "input": "", "output": "b"}') == said('{"prompt": "a", "completion": "b"}')
    assert said('\ufeff{"system": "s", "instruction": "a", "input": "x", "output": "b", "source": 1}') == [
        ("system", "s", False),
        ("user", "a\n\nx", False),
        ("assistant", "b", True),
    ]
    assert said(
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0},'
        '{"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]}'
    ) == [("user", "a", False), ("assistant", "b", False), ("user", "c", False), ("assistant", "d", True)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "it is not JSON"),
        (b'[{"prompt": "a"}', "Convert it to JSON Lines"),
        (b'"text"', "it is text, not an object"),
        (b"{}", "it has nothing, but none of"),
        (b'{"question": "a"}', "it has 'question', but none of"),
        (b'{"prompt": "a"}', "completion is missing"),
        (b'{"prompt": "a", "completion": 5}', "completion is a number, not text"),
        (b'{"prompt": " ", "completion": "b"}', "prompt is empty"),
        (b'{"prompt": "a", "completion": "\\ud800"}', "completion holds characters that are no text"),
        (b'{"instruction": "a", "input": [], "output": "b"', "it is not JSON"),
        (b'{"instruction": "a", "input": {"x": 1}, "output": "b"}', "input is an object, not text"),
        (b'{"messages": []}', "messages is not a list of messages"),
        (b'{"messages": [{"role": "assistant", "content": "a"}]}', "there is only an answer"),
        (b'{"messages": [{"role": "user", "content": "a"}]}', "the last message is of the user"),
        (b'{"messages": [{"role": "tool", "content": "a"}]}', "message 1 has the role 'tool'"),
        (b'{"messages": [{"role": "user", "content": null}]}', "message 1: content is missing"),
        (b'{"messages": ["hello"]}', "message 1 is text, not an object"),
        (b"\xff{}", "it is not UTF-8 .byte 1."),
        (b'{"prompt": "' + b"a" * (4 << 20), "it is longer than 4 MB"),
    ],
)
def test_a_fault_is_said(line: bytes, reason: str) -> None:
    with pytest.raises(Fault, match=reason):
        parse(line)


def test_all_faulty_lines_are_in_one_error(tune: Tune, tmp_path: Path) -> None:
    good = pairs(3)
    source = write(tmp_path / "bad.jsonl", [good[0], "{oops", good[1], {"prompt": "a"}, "", good[2]])
    with pytest.raises(Permanent) as caught:
        tune(source)
    assert str(caught.value).splitlines() == [
        "bad.jsonl: 2 of 5 lines cannot be learnt from. Mend them, or choose badExamples: skip.",
        "Line 2: it is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        "Line 4: completion is missing",
    ]


def test_faulty_lines_may_be_left_out_and_are_listed(tune: Tune, tmp_path: Path) -> None:
    source = write(tmp_path / "bad.jsonl", [*pairs(6), "{oops", pairs(1)[0]])
    done = tune(source, badExamples="skip", maxSteps=1, samples=0)
    assert (done.result["examples"] + done.result["validationExamples"], done.result["faultyLines"]) == (7, 1)
    assert done.result["duplicates"] == 1
    assert done.result["faults"][0]["line"] == 7
    assert '"line": 7' in done.artifacts["faults.jsonl"].read_text()


@pytest.mark.parametrize("content", ["", "\n\n", "{}\n"])
def test_a_file_without_examples_is_refused(tune: Tune, tmp_path: Path, content: str) -> None:
    source = tmp_path / "empty.jsonl"
    source.write_text(content)
    with pytest.raises(Permanent, match=r"empty\.jsonl holds no example"):
        tune(source, badExamples="skip")


def test_only_answers_are_learnt(tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    line = (
        '{"messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "one"},'
        '{"role": "assistant", "content": "1"}, {"role": "user", "content": "two"},'
        '{"role": "assistant", "content": "not this", "weight": 0}, {"role": "user", "content": "three"},'
        '{"role": "assistant", "content": "3"}]}'
    )
    made = encode(tokenizer, Example(1, tuple(parse(line.encode()))), 512)
    learnt, parts = [""], tokenizer.convert_ids_to_tokens(list(made.ids))
    for part, label in zip(parts, made.labels, strict=True):
        if label == IGNORED:
            learnt.append("")
        else:
            learnt[-1] += part
    assert [one for one in learnt if one] == ["1<|im_end|>", "3<|im_end|>"]


def test_cutting_is_told(tune: Tune, tmp_path: Path) -> None:
    rows = [*pairs(8), chat("Code of 9?", "The code of 9 is 18. " * 20), chat("So long a question. " * 30, "Yes.")]
    done = tune(write(tmp_path / "a.jsonl", rows), maxSteps=1, samples=0, validationShare=0)
    assert (done.result["examples"], done.result["truncated"], done.result["dropped"]) == (9, 2, 1)
    assert any(
        "of 1 examples nothing of the answer is left within 64 tokens (lines 10)" in text for _, text in done.log
    )


def test_where_nothing_is_left_it_says_so(tune: Tune, tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", [chat("So long a question. " * 30, "Yes.")])
    with pytest.raises(Permanent, match=r"a\.jsonl: no answer begins within 64 tokens\. Raise maxLength"):
        tune(source)


def test_a_template_that_changes_the_past_is_refused(
    tune: Tune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgets = "{% for m in messages %}{% if loop.last %}{{ m['content'] }}{% else %}-{% endif %}{% endfor %}"
    monkeypatch.setenv("JOBSAPP_BASE_MODELS", f'{{"forgets": "{make(tmp_path / "forgets", chat_template=forgets)}"}}')
    with pytest.raises(Permanent, match=r"a\.jsonl, line 1: The base model's chat template changes earlier messages"):
        tune(write(tmp_path / "a.jsonl", pairs(1)), baseModel="forgets")
