"""What a worker knows of its work-horse from outside, and how it speaks for one that is silent."""

from __future__ import annotations

import math
import os
from typing import Any
from uuid import UUID, uuid4

import psycopg

from jobsapp.bus.slate import Slate
from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.store.silent import speak_for
from jobsapp.store.turns import claim_jobs


def test_another_process_reads_what_runs() -> None:
    slate, job_id = Slate(), uuid4()
    assert slate.read() is None
    if not (pid := os.fork()):
        slate.looked(12.5)
        slate.begin(job_id, 3, timeout=2.0, deadline=10.0, grace=5.0)
        os._exit(0)
    os.waitpid(pid, 0)
    running = slate.read()
    assert running is not None
    assert running == (job_id, 3, 2.0, 10.0, 5.0, 0.0, 12.5)
    slate.end()
    assert slate.read() is None


def test_when_to_kill() -> None:
    slate = Slate()

    def kill_at() -> float:
        running = slate.read()
        assert running is not None
        return running.kill_at

    slate.begin(UUID(int=1), 1, timeout=2.0, deadline=10.0, grace=5.0)
    assert kill_at() == 15.0
    slate.in_time()
    assert kill_at() == math.inf
    slate.told()
    assert kill_at() < math.inf
    slate.begin(UUID(int=2), 1, timeout=None, deadline=None, grace=5.0)
    assert kill_at() == math.inf, "the next job was told nothing"


def test_to_speak_for_a_job_renews_its_lease_and_no_other(
    services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    for _ in range(2):
        services.jobs.create(admin, NewJob("echo", {}))
    (mine,) = claim_jobs(connection, "echo", worker="w", lease_seconds=1)
    (other,) = claim_jobs(connection, "echo", worker="v", lease_seconds=1)

    def young() -> set[str]:
        query = "SELECT worker FROM worker_leases WHERE lease_until > now() + interval '30 s'"
        return {row[0] for row in connection.execute(query).fetchall()}

    assert not speak_for(connection, mine.id, mine.attempt + 1, lease_seconds=60), "that attempt is another worker's"
    assert young() == set()
    assert speak_for(connection, mine.id, mine.attempt, lease_seconds=60)
    assert young() == {"w"}
    services.jobs.cancel(admin, mine.id)
    assert not speak_for(connection, mine.id, mine.attempt, lease_seconds=60)
    assert speak_for(connection, other.id, other.attempt, lease_seconds=1)
