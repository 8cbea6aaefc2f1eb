"""Examples whose work-horse is killed: the next one asks for what was not answered yet, and for nothing else."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from typing import Any

import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.faults.test_crashes import wait_for
from tests.language.server import LanguageServer, Reply, completion, pairs, record_of
from tests.processes import Processes, descendants, wait_until

ROWS, AT_ONCE = 60, 4


def answer(body: dict[str, Any]) -> Reply:
    time.sleep(0.25)
    number = record_of(body)["number"]
    return completion(pairs((f"Which number is {number}?", number)))


def test_no_answer_that_was_kept_is_asked_for_again(
    services: Services,
    admin: Actor,
    settings: Settings,
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receiver = services.files.receiver()
    receiver.write(b"number\n" + b"".join(b"%d\n" % n for n in range(ROWS)))
    source = services.files.register(admin, receiver, "numbers.csv").id
    with LanguageServer(answer) as server:
        models = json.dumps({"shop": {"url": server.url, "model": "m", "atOnce": AT_ONCE}})
        monkeypatch.setenv("JOBSAPP_LANGUAGE_MODELS", models)
        with Processes(settings, lease_seconds=600.0, language_models=models) as processes:
            worker = processes.flask("worker", "--queues", "data-conversion", "--concurrency", "1")
            options = {"mode": "smart", "model": "shop", "examplesPerRow": 1, "concurrency": AT_ONCE}
            data = {"source": str(source), "targetFormat": "jsonl", "options": options}
            job_id = services.jobs.create(admin, NewJob("data-conversion", data))[0].id

            def saved() -> int:
                text = "SELECT checkpoint -> 'state' ->> 'rows' FROM jobs WHERE id = %s"
                row = connection.execute(text, [job_id]).fetchone()
                return int(row[0] or 0) if row else 0

            wait_until(lambda: saved() > ROWS / 4, "answers are kept")
            os.kill(max(descendants(worker.pid)), signal.SIGKILL)
            kept = saved()
            job = wait_for(services, admin, job_id, "completed")
        asked = Counter(record_of(body)["number"] for body in server.asked)
    assert [attempt.outcome for attempt in job.history] == ["died", "completed"]
    assert len(asked) == ROWS
    assert sum(count == 1 for count in asked.values()) >= kept
    assert max(asked.values()) <= 2
    lines = services.files.path(job.artifacts[0]).read_text().splitlines()
    said = [json.loads(line)["messages"][1]["content"] for line in lines]
    assert said == [str(n) for n in range(ROWS)]
