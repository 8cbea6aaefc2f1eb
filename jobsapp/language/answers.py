"""What is asked of a language model, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Message = Mapping[str, str]
"""`role` (system, user, assistant) and `content`."""


class LanguageError(Exception):
    """A model that gave no answer. `permanent`: asking again cannot help; `everything`: no other question can fare
    better (a wrong key, an unknown model, nobody there)."""

    def __init__(self, message: str, *, permanent: bool = False, everything: bool = True) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.everything = everything


@dataclass(frozen=True)
class Answer:
    """`text` as the model wrote it. Tokens as the server counted them. `cut`: it ended because it had no more room."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    retries: int = 0
    cut: bool = False


class Model(Protocol):
    """Something that answers."""

    name: str
    at_once: int
    """How many questions it takes at the same time."""

    def ask(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any], max_tokens: int, temperature: float, seed: int
    ) -> Answer:
        """An answer that shall be JSON of `schema`. Whoever asks has to check that. Raises LanguageError."""

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """What so many tokens cost, in the currency of the settings."""


def answer_of(said: Mapping[str, Any], retries: int = 0) -> Answer:
    """From the object that servers send as a chat completion."""
    choice = said["choices"][0]
    usage = said.get("usage") or {}
    return Answer(
        choice["message"].get("content") or "",
        int(usage.get("prompt_tokens") or 0),
        int(usage.get("completion_tokens") or 0),
        retries,
        choice.get("finish_reason") == "length",
    )


def response_format(kind: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """How JSON is asked for: by its schema, as any object, or not at all."""
    if kind == "schema":
        return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(schema)}}}
    return {"response_format": {"type": "json_object"}} if kind == "object" else {}
