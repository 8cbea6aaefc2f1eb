"""Vectors by a server that speaks as OpenAI's does: `POST …/embeddings`. Ollama, vLLM, llama.cpp and others do."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import numpy as np
import openai

from jobsapp.config import Settings
from jobsapp.processors.sdk import Permanent, Retry

from .minilm import Array, unit

RETRIES, SECONDS = 5, 60.0
QUICK_RETRIES, QUICK_SECONDS = 0, 5.0


class Server:
    """Asks for the number of dimensions at once, so that a wrong setting is told before the work begins.

    Raises `Permanent` if the server refuses what is asked, and `Retry` if it does not answer.
    """

    def __init__(self, settings: Settings, *, patient: bool = True) -> None:
        self.name = settings.embedding_model
        self._url = settings.embedding_url
        self._client = openai.OpenAI(
            base_url=self._url,
            # Servers of one's own ask for none, but the client does.
            api_key=settings.embedding_key or "none",
            max_retries=RETRIES if patient else QUICK_RETRIES,
            timeout=SECONDS if patient else QUICK_SECONDS,
            # The operator named this address, and no other.
            http_client=openai.DefaultHttpxClient(follow_redirects=False),
        )
        # A client of our own making is not closed with its object.
        weakref.finalize(self, self._client.close)
        self.dimensions = 0
        self.dimensions = self.embed(["dimensions"]).shape[1]

    def embed(self, texts: Sequence[str]) -> Array:
        """Vectors of length one, shape (texts, dimensions), float32."""
        # A text without a word is refused by some.
        made = np.array(self._ask([text.strip() or "." for text in texts]), np.float32, ndmin=2)
        if not np.isfinite(made).all() or not made.any(axis=1).all():
            raise Permanent(f"{self._who} gave a vector without a direction (JOBSAPP_EMBEDDING_MODEL).")
        if self.dimensions and made.shape[1] != self.dimensions:
            raise Permanent(f"{self._who} gave {made.shape[1]:,} dimensions, and {self.dimensions:,} before.")
        return unit(made)

    @property
    def _who(self) -> str:
        return f"The model {self.name!r} at {self._url}"

    def _ask(self, texts: Sequence[str]) -> list[list[float]]:
        try:
            answer = self._client.embeddings.create(model=self.name, input=list(texts), encoding_format="float")
        except openai.APIStatusError as error:
            raise self._refused(error) from None
        except openai.APIConnectionError as error:
            raise Retry(f"{self._who} does not answer: {error.__cause__ or error}") from None
        vectors = [one.embedding for one in sorted(answer.data or [], key=lambda one: one.index)]
        if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) != 1:
            raise Permanent(
                f"{self._who} gave {len(vectors):,} vectors for {len(texts):,} texts (JOBSAPP_EMBEDDING_URL)."
            )
        return vectors

    def _refused(self, error: openai.APIStatusError) -> Exception:
        said = f"{self._who} answers {error.status_code}: {error.message[:300]}"
        if error.status_code in (408, 409, 429) or error.status_code >= 500:
            return Retry(said)
        fix = {
            401: "Set JOBSAPP_EMBEDDING_KEY.",
            403: "Set JOBSAPP_EMBEDDING_KEY.",
            404: "Look at JOBSAPP_EMBEDDING_URL and JOBSAPP_EMBEDDING_MODEL.",
        }
        return Permanent(f"{said} {fix.get(error.status_code, 'A smaller chunkTokens may help.')}")
