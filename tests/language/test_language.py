"""Models behind servers of every mood, and the one in the process."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import pytest

from jobsapp.config import load_settings
from jobsapp.errors import ConfigError
from jobsapp.language import EMBEDDED, Answer, LanguageError, Model, open_model, parse_servers
from tests.language.server import LanguageServer, Reply, completion, refusal

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"]}


def say(model: Model, text: str = "hello", **more: Any) -> Answer:
    options: dict[str, Any] = {"schema": SCHEMA, "max_tokens": 40, "temperature": 0.0, "seed": 1, **more}
    return model.ask([{"role": "user", "content": text}], **options)


@contextmanager
def model_at(mood: Callable[[dict[str, Any]], Reply], **settings: Any) -> Iterator[tuple[Model, LanguageServer]]:
    with LanguageServer(mood) as server:
        servers = parse_servers(json.dumps({"shop": {"url": server.url, "model": "m", **settings}}))
        with open_model(servers, "shop") as model:
            yield model, server


def test_an_answer_and_what_it_took() -> None:
    prices = {"inputPrice": 1.5, "outputPrice": 6.0}
    with model_at(lambda _: completion('{"colour": "red"}'), **prices) as (model, server):
        assert say(model) == Answer('{"colour": "red"}', 10, 5, 0, False)
        assert server.asked[0]["response_format"]["json_schema"]["schema"] == SCHEMA
        assert model.cost(1_000_000, 500_000) == pytest.approx(4.5)


def test_an_answer_that_was_cut() -> None:
    with model_at(lambda _: completion('{"col', "length")) as (model, _):
        assert say(model).cut


def test_a_server_that_knows_no_schema_is_asked_for_less_and_only_once() -> None:
    def mood(body: dict[str, Any]) -> Reply:
        kind = body.get("response_format", {}).get("type")
        return refusal(400, f"unknown {kind}") if kind else completion("{}")

    with model_at(mood) as (model, server):
        say(model)
        assert [body.get("response_format", {}).get("type") for body in server.asked] == [
            "json_schema",
            "json_object",
            None,
        ]
        say(model)
        assert len(server.asked) == 4


def test_a_busy_server_is_asked_again_when_it_said() -> None:
    moods = [refusal(429, "slow down", Retry_After="0.4"), refusal(500), completion("{}")]
    with model_at(lambda _: moods.pop(0)) as (model, server):
        assert say(model).retries == 2
        assert server.at[1] - server.at[0] >= 0.4


def test_a_busy_server_may_name_the_time_of_day() -> None:
    # Dates have whole seconds, so that two from now are more than one.
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    moods = [refusal(429, "slow down", Retry_After=until), completion("{}")]
    with model_at(lambda _: moods.pop(0)) as (model, server):
        assert say(model).retries == 1
        assert datetime.now(UTC) >= parsedate_to_datetime(until)
        assert len(server.asked) == 2


def test_a_pause_that_was_asked_for_counts_for_all() -> None:
    first = threading.Event()

    def mood(body: dict[str, Any]) -> Reply:
        if not first.is_set():
            first.set()
            return refusal(429, "slow down", Retry_After="0.5")
        return completion("{}")

    with model_at(mood) as (model, server):
        other = threading.Thread(target=lambda: (first.wait(), time.sleep(0.1), say(model)))
        other.start()
        say(model)
        other.join()
        assert min(server.at[1:]) - server.at[0] >= 0.5


def test_requests_are_spread_over_the_minute() -> None:
    with model_at(lambda _: completion("{}"), requestsPerMinute=300) as (model, server):
        for _ in range(4):
            say(model)
        assert server.at[3] - server.at[0] >= 0.55


@pytest.mark.parametrize(
    ("reply", "words", "permanent", "everything"),
    [
        (refusal(401), "refuses the key", True, True),
        (refusal(404), "knows no model 'm'", True, True),
        (refusal(400, "maximum context length is 8"), "context length", True, False),
        (refusal(503, "away"), "away", False, False),
        (refusal(429, "too much"), "too much", False, True),
        ((200, {}, {"choices": []}), "no answer", False, False),
    ],
)
def test_what_cannot_be_had_is_said(reply: Reply, words: str, permanent: bool, everything: bool) -> None:
    with model_at(lambda _: reply, retries=0) as (model, _), pytest.raises(LanguageError, match=words) as caught:
        say(model)
    assert (caught.value.permanent, caught.value.everything) == (permanent, everything)


def test_nobody_there() -> None:
    servers = parse_servers('{"shop": {"url": "http://127.0.0.1:9/v1", "model": "m", "retries": 1}}')
    with open_model(servers, "shop") as model, pytest.raises(LanguageError, match="does not answer") as caught:
        say(model)
    assert not caught.value.permanent


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        pytest.raises(LanguageError, match="SHOP_KEY has no key"),
        model_at(lambda _: completion(""), keyEnv="SHOP_KEY"),
    ):
        pass
    monkeypatch.setenv("SHOP_KEY", "abc")
    with model_at(lambda _: completion("{}"), keyEnv="SHOP_KEY") as (model, server):
        say(model)
        assert server.keys == {"Bearer abc"}


def test_who_closes_it_is_not_kept_waiting() -> None:
    began = time.monotonic()
    with model_at(lambda _: refusal(429, "later", Retry_After="50")) as (model, server):
        failed: list[LanguageError] = []

        def ask() -> None:
            with pytest.raises(LanguageError) as caught:
                say(model)
            failed.append(caught.value)

        thread = threading.Thread(target=ask)
        thread.start()
        while not server.asked:
            time.sleep(0.01)
    thread.join()
    assert failed
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "JSON"),
        ('{"a": {"url": "ftp://x", "model": "m"}}', "a.url"),
        ('{"a": {"url": "http://x/v1"}}', "a.model"),
        ('{"a": {"url": "http://x/v1", "model": "m", "key": "secret"}}', "a.key"),
        ('{"embedded": {"url": "http://x/v1", "model": "m"}}', "embedded"),
    ],
)
def test_a_bad_setting_stops_the_start_and_names_the_place(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"JOBSAPP_LANGUAGE_MODELS: {words}"):
        load_settings({"JOBSAPP_LANGUAGE_MODELS": text})


def test_an_unknown_name_tells_the_known_ones() -> None:
    with pytest.raises(LanguageError, match="no language model 'x'; there are: embedded, a"):
        next(iter([open_model(parse_servers('{"a": {"url": "http://x/v1", "model": "m"}}'), "x").__enter__()]))


def test_the_model_in_the_process_keeps_to_the_schema_and_to_its_seed() -> None:
    pytest.importorskip("xllamacpp", reason="the extra llm is not installed")
    with open_model({}, EMBEDDED) as model:
        first = say(model, "Name a colour.")
        assert isinstance(json.loads(first.text)["colour"], str)
        assert first.prompt_tokens > 0
        assert say(model, "Name a colour.").text == first.text
        with pytest.raises(LanguageError, match="context") as caught:
            say(model, "colour " * 6000)
        assert not caught.value.everything


def test_a_model_file_that_is_not_there_is_said() -> None:
    with (
        pytest.raises(LanguageError, match="JOBSAPP_EMBEDDED_MODEL"),
        open_model({}, "", embedded_path="/nowhere.gguf"),
    ):
        pass


def test_a_redirect_is_not_followed() -> None:
    """The operator named one address; a server of models may not send us, with the prompt, to another."""
    with LanguageServer(lambda _: completion("{}")) as other:
        away = refusal(307, Location=f"{other.url}/chat/completions")
        with model_at(lambda _: away, retries=0) as (model, server), pytest.raises(LanguageError):
            say(model)
        assert (len(server.asked), other.asked) == (1, [])
