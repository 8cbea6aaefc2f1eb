"""A real worker whose Redis somebody else writes to: it refuses, says so, and goes on working."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from uuid import uuid4

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.extensions import db
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.bus.forged import Bomb
from tests.processes import Processes, wait_until


def forge_orders(bus: Redis, worker: str, mark: Path) -> int:
    """Orders that are none; returns how many. Of one for a job that the worker does not run it says nothing."""
    orders = [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b"x" * 5_000_000,
        pickle.dumps(Bomb(mark)),
        *(
            json.dumps(one).encode()
            for one in (
                {"command": ["shutdown"]},
                {"command": "shutdown", "more": 1},
                {"command": "kill-horse"},
                {"command": "kill-horse", "job": 7},
                {"command": "kill-horse", "job": "\u001b[2J\n"},
                {"command": "stop-job", "job_id": str(uuid4())},
                {"command": "os.system"},
            )
        ),
    ]
    for order in orders:
        assert bus.publish(f"rq:pubsub:{worker}", order) == 1
    bus.publish(f"rq:pubsub:{worker}", json.dumps({"command": "kill-horse", "job": str(uuid4())}))
    return len(orders)


def forge_jobs(bus: Redis, mark: Path) -> int:
    """Jobs of RQ that are no wake-ups, in the queue `echo`; returns how many."""
    ids: list[bytes | str] = [b"\xff", "../../etc/passwd", "x" * 1_000_000, "\x1b[2J\nrefused"]
    pickled = Queue("echo", connection=bus).enqueue_call(os.system, [f"touch {mark}"])
    bus.hset(pickled.key, "data", pickle.dumps(Bomb(mark)))
    called = Queue("echo", connection=bus, serializer=JSONSerializer)
    called.enqueue_call("os.system", [f"touch {mark}"])
    called.enqueue_call("subprocess.check_call", kwargs={"args": ["touch", str(mark)]})
    for one in ids:
        bus.rpush("rq:queue:echo", one)
    # A wake-up that names a callback is a wake-up.
    calling = called.enqueue_call("drain", ttl=60)
    bus.hset(calling.key, mapping={"failure_callback_name": "os.abort", "success_callback_name": "os.abort"})
    return len(ids) + 3


def test_a_worker_refuses_what_is_forged_and_works_on(
    settings: Settings, services: Services, admin: Actor, tmp_path: Path
) -> None:
    bus, mark = Redis.from_url(settings.redis_url), tmp_path / "executed"
    # Left from an earlier worker that died: RQ would call back what these name.
    for registry in ("rq:wip:echo", "rq:queue:echo:intermediate"):
        lost = Queue("echo", connection=bus).enqueue_call(os.system, [f"touch {mark}"])
        bus.lrem("rq:queue:echo", 1, lost.id)
        bus.hset(lost.key, "failure_callback_name", "os.abort")
        (bus.zadd("rq:wip:echo", {lost.id: 1}) if "wip" in registry else bus.rpush(registry, lost.id))
    bus.set("rq:suspended", 1)
    with Processes(settings) as processes:
        processes.flask("worker", "--queues", "echo", "--concurrency", "1")
        wait_until(
            lambda: [one.state for one in services.workers.all(admin).workers] == ["idle"], "the worker is there"
        )
        (worker,) = services.workers.all(admin).workers
        wait_until(lambda: bus.pubsub_numsub(f"rq:pubsub:{worker.name}")[0][1], "it hears orders")
        refused = forge_orders(bus, worker.name, mark) + forge_jobs(bus, mark)
        wait_until(lambda: processes.log.read_text().count("refused ") == refused, "all of it is refused, once")
        job, _ = services.jobs.create(admin, NewJob("echo", {}))

        def done() -> bool:
            db.session.rollback()
            return services.jobs.get(admin, job.id).status == "completed"

        wait_until(done, "the worker works on")
        wait_until(lambda: bus.llen("rq:queue:echo") == 0, "nothing is left in the queue")
        assert [(one.name, one.pid) for one in services.workers.all(admin).workers] == [(worker.name, worker.pid)]
        log = processes.log.read_text()
        assert log.count("refused ") == refused, log
        assert "Traceback" not in log
        assert "\x1b" not in log
        assert len(log) < 20_000
        assert not mark.exists()
