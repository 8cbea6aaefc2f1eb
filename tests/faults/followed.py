"""What follows from the ends of jobs, under faults: batches, jobs that wait for others, workflows, schedules, messages.

All of it is made of jobs of two types that do nothing. At the end it is known how many there must be: so one that was
made twice is seen as well as one that was lost.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from uuid import UUID

import psycopg

from jobsapp.services.batch_callbacks import Callback
from jobsapp.services.batches import NewBatch
from jobsapp.services.channels import NewChannel
from jobsapp.services.jobs import NewJob
from jobsapp.services.new_schedules import NewSchedule
from jobsapp.services.notification_rules import NewNotificationRule
from tests.faults.stage import Stage
from tests.loopback import Loopback
from tests.processes import wait_until

PAUSE_SECONDS = 1.0
OF_BATCH, OF_GRAPH, OF_RUN = 4, 5, 5
DEFINITION = {
    "steps": {
        "first": {"type": "quiet"},
        "each": {"needs": ["first"], "type": "quiet", "forEach": "[`1`, `2`, `3`]", "width": 2},
        "last": {"needs": ["each"], "type": "quiet"},
    }
}
UNFINISHED = "SELECT count(*) FROM jobs WHERE status IN ('pending', 'active')"
COUNTS = "SELECT type, status, count(*) FROM jobs WHERE data ->> 'book' IS NULL GROUP BY 1, 2"
BATCHES = """SELECT name, completed_jobs, ended_at IS NOT NULL, callback_jobs -> 'complete' ->> 'id' FROM batches"""
RUNS = "SELECT schedule_id, run_at, job_id FROM schedule_runs ORDER BY 1, 2"
TOLD = "SELECT id::text FROM jobs WHERE type = 'told' AND status = 'completed'"
LATE = """SELECT count(*) FROM job_dependencies AS edge JOIN jobs AS child ON child.id = edge.job_id
JOIN jobs AS parent ON parent.id = edge.parent_id WHERE child.started_at < parent.completed_at"""


class Receiver(Loopback):
    """Answers each message, and remembers which job it told of under which id. `again`: how many came once more, of
    which the answer was not written down."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, set[str]] = {}
        self.again = 0

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        job_id, message = json.loads(body)["data"]["id"], handler.headers["webhook-id"]
        with self.lock:
            ids = self.told.setdefault(job_id, set())
            self.again += message in ids
            ids.add(message)
        handler.send_response(204)
        handler.send_header("Content-Length", "0")
        handler.end_headers()


@dataclass
class Followed:
    """Makes rounds of it all until it is told to stop. Each is made once, whatever the answer was."""

    stage: Stage
    receiver: Receiver
    made: Counter[str] = field(default_factory=Counter)
    rule: UUID | None = None

    def set_up(self) -> None:
        with self.stage.app.app_context():
            services, actor = self.stage.services, self.stage.actor
            hook = NewChannel("webhook", "soak", url=f"http://127.0.0.1:{self.receiver.port}/hook")
            made = services.channels.create(actor, hook)
            channel = made[0] if isinstance(made, tuple) else made
            services.notification_rules.create(
                actor, NewNotificationRule(UUID(str(channel.id)), ("completed",), types=("told",), digest_above=1000)
            )
            timed = NewSchedule("quiet", {}, "soak", every_seconds=2, missed="all", missed_limit=100, overlap="allow")
            self.schedule = services.schedules.create(actor, timed).id

    def round(self, number: int) -> None:
        """A batch with a callback, a graph, a run of a workflow, and a job that is told of."""
        services, actor = self.stage.services, self.stage.actor
        quiet = NewJob("quiet", {})
        after = {"complete": Callback("quiet", {}, f"after {number}")}
        self._once(
            "batches",
            lambda: services.batches.create(
                actor,
                NewBatch(f"batch {number}", closed=True, callbacks=after),
                [quiet] * OF_BATCH,
                idempotency_key=f"batch {number}",
            ),
        )
        graph = [
            NewJob("quiet", {}, ref="last", depends_on=("left", "right", "middle")),
            *(NewJob("quiet", {}, ref=ref, depends_on=("first",)) for ref in ("left", "right", "middle")),
            NewJob("quiet", {}, ref="first"),
        ]
        self._once("graphs", lambda: services.jobs.create_many(actor, graph, idempotency_key=f"graph {number}"))
        run = NewJob("workflow-execution", {"definition": DEFINITION, "input": {}})
        self._once("runs", lambda: services.jobs.create(actor, run, idempotency_key=f"run {number}"))
        self._once("told", lambda: services.jobs.create(actor, NewJob("told", {}), idempotency_key=f"told {number}"))

    def _once(self, what: str, make: Callable[[], object]) -> None:
        while True:
            try:
                with self.stage.app.app_context():
                    make()
            except Exception:
                self.stage.refused += 1
                time.sleep(0.05)
            else:
                self.made[what] += 1
                return

    @contextmanager
    def going_on(self) -> Iterator[None]:
        over = threading.Event()

        def run() -> None:
            for number in itertools.count():
                if over.wait(PAUSE_SECONDS):
                    return
                self.round(number)

        self.set_up()
        thread = threading.Thread(target=run, name="followed")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            with self.stage.app.app_context():
                self.stage.services.schedules.pause(self.stage.actor, self.schedule)

    def wrong(self, seconds: float) -> list[str]:
        """What is not as it must be, once all has come to its end."""
        with psycopg.connect(self.stage.settings.database_url, autocommit=True) as connection:
            wait_until(lambda: not self._open(connection), "all that follows has followed", seconds)
            return [*self._miscounted(connection), *self._unscheduled(connection), *self._untold(connection)]

    def _open(self, connection: psycopg.Connection[Any]) -> bool:
        running = connection.execute(UNFINISHED).fetchone() != (0,)
        batches = connection.execute(BATCHES).fetchall()
        told = {row[0] for row in connection.execute(TOLD)}
        return running or not all(row[2] and row[3] for row in batches) or not told <= self.receiver.told.keys()

    def _miscounted(self, connection: psycopg.Connection[Any]) -> list[str]:
        runs = len(connection.execute(RUNS).fetchall())
        quiet = self.made["batches"] * (OF_BATCH + 1) + self.made["graphs"] * OF_GRAPH + self.made["runs"] * OF_RUN
        wanted = Counter({("quiet", "completed"): quiet + runs, ("told", "completed"): self.made["told"]})
        wanted["workflow-execution", "completed"] = self.made["runs"]
        found = Counter({(kind, status): jobs for kind, status, jobs in connection.execute(COUNTS)})
        wrong = [
            f"{kind} {status}: {found[kind, status]} for {wanted[kind, status]}"
            for kind, status in wanted.keys() | found.keys()
            if found[kind, status] != wanted[kind, status]
        ]
        batches = connection.execute(BATCHES).fetchall()
        wrong += [f"{row[0]} counts {row[1]}" for row in batches if row[1] != OF_BATCH]
        callbacks = Counter(row[3] for row in batches)
        wrong += [f"one callback for {many} batches" for many in callbacks.values() if many > 1]
        early = connection.execute(LATE).fetchone()
        return wrong if early == (0,) else [*wrong, f"{early} jobs began before what they depend on was done"]

    def _unscheduled(self, connection: psycopg.Connection[Any]) -> list[str]:
        rows = connection.execute(RUNS).fetchall()
        jobs = [row[2] for row in rows]
        wrong = [] if None not in jobs and len(set(jobs)) == len(jobs) else ["a run of a schedule without its own job"]
        at = [row[1] for row in rows]
        gaps = [one for one, other in itertools.pairwise(at) if other - one != timedelta(seconds=2)]
        return wrong + [f"no run of the schedule after {one}" for one in gaps]

    def _untold(self, connection: psycopg.Connection[Any]) -> list[str]:
        told = {row[0] for row in connection.execute(TOLD)}
        wrong = [f"told of {one}, which there is not" for one in self.receiver.told.keys() - told]
        return wrong + [f"{one} has {len(ids)} ids" for one, ids in self.receiver.told.items() if len(ids) > 1]

    def __str__(self) -> str:
        return (
            f"{self.made['batches']} batches with a callback, {self.made['graphs']} graphs of {OF_GRAPH}, "
            f"{self.made['runs']} runs of a workflow, {self.made['told']} messages, "
            f"of which {self.receiver.again} came once more"
        )
