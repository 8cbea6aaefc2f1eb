"""A fine-tuning service on loopback, as OpenAI's: files, jobs, events, cancelling; and it says what was asked of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

KEY = "secret-key"
RESULTS = b"step,train_loss\n1,0.9\n"
STEPS = 3


class Service:
    """`fate`: how its jobs end; "running" never does. `unwell`: so many next requests are answered with 503.
    `lost`: so many jobs are started without an answer. Each time a job is asked for, it comes one state further."""

    def __init__(self) -> None:
        self.fate, self.unwell, self.lost = "succeeded", 0, 0
        self.files: dict[str, tuple[str, bytes]] = {"file-results": ("results.csv", RESULTS)}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.keys: set[str] = set()
        self.asked = 0
        self.lock = Lock()
        self.url = ""

    def add_file(self, name: str, content: bytes) -> dict[str, Any]:
        number = f"file-{len(self.files)}"
        self.files[number] = (name, content)
        return self.file(number)

    def file(self, number: str) -> dict[str, Any]:
        name, content = self.files[number]
        more = {"purpose": "fine-tune", "status": "processed", "created_at": 1}
        return {"id": number, "object": "file", "bytes": len(content), "filename": name, **more}

    def add_job(self, wanted: dict[str, Any]) -> dict[str, Any]:
        number = f"ftjob-{len(self.jobs) + 1}"
        self.jobs[number] = {
            "id": number,
            "object": "fine_tuning.job",
            "created_at": 1,
            "status": "validating_files",
            "model": wanted["model"],
            "training_file": wanted["training_file"],
            "validation_file": wanted.get("validation_file"),
            "hyperparameters": wanted["method"]["supervised"]["hyperparameters"],
            "organization_id": "org",
            "result_files": [],
            "seed": wanted["seed"],
            "trained_tokens": None,
            "fine_tuned_model": None,
            "error": None,
            "wanted": wanted,
            "steps": 0,
        }
        self.events[number] = []
        self.say(number, "Created fine-tuning job")
        return self.jobs[number]

    def say(self, number: str, message: str, **data: Any) -> None:
        found = self.events[number]
        kind = {"type": "metrics", "data": data} if data else {"type": "message", "data": None}
        event = {"id": f"ev-{len(found)}", "object": "fine_tuning.job.event", "created_at": 1, "level": "info"}
        found.append(event | {"message": message} | kind)

    def advance(self, number: str) -> dict[str, Any]:
        job = self.jobs[number]
        if job["status"] == "validating_files":
            job["status"] = "queued"
        elif job["status"] == "queued":
            job["status"] = "running"
            self.say(number, "Fine-tuning job started")
        elif job["status"] == "running":
            self.train(number, job)
        return job

    def train(self, number: str, job: dict[str, Any]) -> None:
        if job["steps"] < STEPS:
            job["steps"] += 1
            step = job["steps"]
            said = {"step": step, "total_steps": STEPS, "train_loss": 1 / step}
            self.say(number, f"Step {step}/{STEPS}", **said, **({"valid_loss": 0.5} if step == STEPS else {}))
        elif self.fate == "succeeded":
            more = {"fine_tuned_model": f"ft:{job['model']}:x", "result_files": ["file-results"], "trained_tokens": 77}
            job.update(more, status="succeeded")
        elif self.fate == "failed":
            job.update(status="failed", error={"code": "bad_data", "message": "too few examples", "param": None})


class Handler(BaseHTTPRequestHandler):
    service: Service

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.handle_it("GET")

    def do_POST(self) -> None:
        self.handle_it("POST")

    def handle_it(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.service.lock:
            self.service.keys.add(self.headers.get("Authorization", ""))
            self.service.asked += 1
            if self.service.unwell > 0:
                self.service.unwell -= 1
                return self.answer(503, {"error": {"message": "we are unwell"}})
            if self.headers.get("Authorization") != f"Bearer {KEY}":
                return self.answer(401, {"error": {"message": "wrong key"}})
            return self.route(method, self.path.partition("?")[0], body)

    def route(self, method: str, path: str, body: bytes) -> None:
        service = self.service
        if (method, path) == ("POST", "/v1/files"):
            return self.answer(200, service.add_file(*uploaded(self.headers["Content-Type"], body)))
        if (method, path) == ("GET", "/v1/files"):
            return self.listed([service.file(number) for number in service.files])
        if (method, path) == ("POST", "/v1/fine_tuning/jobs"):
            job = service.add_job(json.loads(body))
            if service.lost > 0:
                service.lost -= 1
                return self.answer(500, {"error": {"message": "the answer is lost"}})
            return self.answer(200, job)
        if (method, path) == ("GET", "/v1/fine_tuning/jobs"):
            return self.listed(list(service.jobs.values())[::-1])
        if content := re.fullmatch(r"/v1/files/([\w-]+)/content", path):
            return self.answer(200, service.files[content[1]][1])
        return self.job(re.fullmatch(r"/v1/fine_tuning/jobs/([\w-]+)(/\w+)?", path))

    def job(self, found: re.Match[str] | None) -> None:
        service = self.service
        if found is None or found[1] not in service.jobs:
            return self.answer(404, {"error": {"message": "no such job"}})
        if found[2] == "/events":
            return self.listed(service.events[found[1]][::-1])
        if found[2] == "/cancel":
            if service.jobs[found[1]]["status"] in ("succeeded", "failed", "cancelled"):
                return self.answer(400, {"error": {"message": "it is over"}})
            service.jobs[found[1]]["status"] = "cancelled"
            return self.answer(200, service.jobs[found[1]])
        return self.answer(200, service.advance(found[1]))

    def listed(self, rows: list[dict[str, Any]]) -> None:
        self.answer(200, {"object": "list", "data": rows, "has_more": False})

    def answer(self, status: int, content: Any) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/csv" if isinstance(content, bytes) else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def uploaded(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Name and content of the file in a form."""
    form = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    part = next(one for one in form.get_payload() if one.get_filename())  # type: ignore[union-attr]
    return part.get_filename(), part.get_payload(decode=True)


@contextmanager
def running() -> Iterator[Service]:
    service = Service()
    handler = type("Bound", (Handler,), {"service": service})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        service.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield service
        server.shutdown()
        thread.join()
