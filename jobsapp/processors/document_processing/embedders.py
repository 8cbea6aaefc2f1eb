"""The models that make vectors: the one that comes with jobsapp, and one behind an OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from jobsapp.config import Settings

if TYPE_CHECKING:
    from .minilm import Array

Choice = Literal["auto", "minilm", "none"]
MINILM = "all-MiniLM-L6-v2"


class Embedder(Protocol):
    """`name` tells its vectors from those of others, which may have as many `dimensions` and mean something else."""

    name: str
    dimensions: int

    def embed(self, texts: Sequence[str]) -> Array:
        """Vectors of length one, shape (texts, dimensions), float32."""


def site_model(settings: Settings) -> str:
    """The name of the model of this installation."""
    return settings.embedding_model if settings.embedding_url else MINILM


def model_of(choice: Choice, settings: Settings) -> str:
    """The name of the model that a job's choice means; "" for none."""
    return {"auto": site_model(settings), "minilm": MINILM, "none": ""}[choice]


def open_embedder(name: str, settings: Settings, *, patient: bool = True) -> Embedder:
    """Load the model, or ask its server. `patient`: try again for minutes, as a job may, and a person may not.

    Raises ImportError if what it needs is not installed, and what `Server` raises.
    """
    if name == MINILM:
        from .minilm import MiniLM

        return MiniLM()
    from .server import Server

    return Server(settings, patient=patient)
