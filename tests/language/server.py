"""A server of language models on the loopback, as OpenAI's API describes it, with every mood that a real one has."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

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


class LanguageServer:
    """`mood`: from the request's body to what is answered. `asked`: the bodies that came, in order, and when."""

    def __init__(self, mood: Callable[[dict[str, Any]], Reply]) -> None:
        self.mood = mood
        self.asked: list[dict[str, Any]] = []
        self.at: list[float] = []
        self.keys: set[str] = set()
        self.now = self.most = 0
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that went away is what some tests want."""

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        with self.lock:
            self.asked.append(body)
            self.at.append(time.monotonic())
            self.keys.add(request.headers.get("Authorization", ""))
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            status, headers, answer = self.mood(body)
        finally:
            with self.lock:
                self.now -= 1
        data = json.dumps(answer).encode()
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(data)


def record_of(body: dict[str, Any]) -> dict[str, str]:
    """The row that a request is about."""
    found: dict[str, str] = json.loads(body["messages"][-1]["content"].removeprefix("Record: "))
    return found
