"""A server of language models on the loopback, as OpenAI's API describes it, with every mood that a real one has."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback import Loopback, reply

Reply = tuple[int, dict[str, str], Any]


def pairs(*said: tuple[str, str]) -> str:
    return json.dumps({"examples": [{"question": question, "answer": answer} for question, answer in said]})


def completion(text: str, finish: str = "stop") -> Reply:
    message = {"role": "assistant", "content": text}
    body = {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
    return 200, {}, body


def refusal(status: int, message: str = "no", **headers: str) -> Reply:
    return status, headers, {"error": {"message": message, "type": "error"}}


class LanguageServer(Loopback):
    """`mood`: from the request's body to what is answered. `asked`: the bodies that came, in order, and when."""

    def __init__(self, mood: Callable[[dict[str, Any]], Reply]) -> None:
        super().__init__()
        self.mood = mood
        self.asked: list[dict[str, Any]] = []
        self.at: list[float] = []
        self.keys: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        asked = json.loads(body)
        with self.lock:
            self.asked.append(asked)
            self.at.append(time.monotonic())
            self.keys.add(request.headers.get("Authorization", ""))
        with self.counted():
            status, headers, said = self.mood(asked)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply(request, status, {"Content-Type": "application/json", **named}, json.dumps(said).encode())


def record_of(body: dict[str, Any]) -> dict[str, str]:
    """The row that a request is about."""
    found: dict[str, str] = json.loads(body["messages"][-1]["content"].removeprefix("Record: "))
    return found
