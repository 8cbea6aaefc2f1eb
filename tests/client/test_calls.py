"""Every call, at a real server with a worker."""

from __future__ import annotations

import io
import itertools
import json
import os
import threading
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from uuid import UUID

import pytest
from rich.console import Console

from jobsapp.auth.current import CALLER
from jobsapp.client import (
    Backoff,
    Client,
    ClientError,
    Conflict,
    InvalidInput,
    NewJob,
    NotFound,
    NotSignedIn,
    TimedOut,
)
from tests.client.conftest import Gate, Server

DEADLINE = 60.0
NOWHERE = UUID(int=0)


def later() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


def test_create_with_a_file_wait_and_download(client: Client, tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("four")
    said = {"name": "Made", "description": "by a test", "priority": 2, "max_attempts": 2, "timeout_seconds": 50.0}
    job = client.create(
        "make-file", files={"source": source}, wait=True, wait_seconds=DEADLINE, retry=Backoff(factor=3), **said
    )
    assert (job.status, job.result, job.finished) == ("completed", {"characters": 4}, True)
    assert [getattr(job, name) for name in said] == [*said.values()]
    assert (job.retry and job.retry.factor, job.started_at and job.started_at.tzinfo) == (3, UTC)
    (artifact,) = job.artifacts
    folder = tmp_path / "out"
    folder.mkdir()
    assert client.download(artifact, folder) == folder / "made.txt"
    assert client.download(artifact.id, tmp_path / "named.txt").read_text() == "four"
    assert [path.name for path in folder.iterdir()] == ["made.txt"]


def test_upload_from_memory_and_from_a_pipe(client: Client, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    held = client.upload(io.BytesIO(content), name="held.bin")
    read, write = os.pipe()

    def fill() -> None:
        with os.fdopen(write, "wb") as end:
            end.write(content)

    filling = threading.Thread(target=fill)
    filling.start()
    with os.fdopen(read, "rb") as end:
        piped = client.upload(end, name="pi\udcffped.bin")
    filling.join()
    assert (held.size, held.sha256) == (piped.size, piped.sha256) == (3_000_000, held.sha256)
    assert (held.name, piped.name) == ("held.bin", "pi?ped.bin")
    assert client.download(piped, tmp_path / "back").read_bytes() == content


def test_jobs_that_depend_on_others(client: Client) -> None:
    first = client.create("echo", {"text": "x"}, run_at=later())
    second = client.create("echo", {"text": "x"}, depends_on=[first], on_parent_failure="fail")
    third, fourth = client.create_many(
        [NewJob("echo", {"text": "x"}, depends_on=("d", second.id)), NewJob("echo", {"text": "x"}, ref="d")]
    )
    assert second.waiting_for is not None
    assert (second.waiting_for.code, second.waiting_for.jobs) == ("dependencies", (first.id,))
    assert [one.id for one in client.dependencies(third)] == [second.id, fourth]
    assert [one.id for one in client.dependents(first)] == [second.id]
    assert client.cancel(first, tree=True).status == "cancelled"
    assert client.get(third).status == "cancelled"
    assert client.retry(first, tree=True).status != "cancelled"


def test_lists_come_page_by_page(client: Client) -> None:
    ids = client.create_many([NewJob("echo", {"text": "x"}, f"Listed {n}", run_at=later()) for n in range(7)])
    pages = client.pages(size=3, text="Listed", status="pending", user="me")
    first = next(pages)
    assert (len(first.jobs), first.next_cursor is not None) == (3, True)
    assert [len(page.jobs) for page in pages] == [3, 1]
    assert [job.id for job in client.list(text="Listed")] == [*reversed(ids)]
    assert [job.id for job in itertools.islice(client.list(type="echo", queue="echo"), 2)] == [ids[6], ids[5]]
    assert [*client.list(text="Listed", created_after=later())] == []
    done = client.cancel_many(text="Listed", dry_run=True)
    assert (done.applicable, done.changed, done.dry_run) == (7, 0, True)
    assert client.cancel_many([ids[0], str(ids[1])], reason="two").changed == 2
    assert client.get(ids[0]).cancel_reason == "two"
    assert client.cancel_many(text="Listed").changed == 5
    assert client.retry_many(text="Listed", dry_run=True).applicable == 7
    assert client.retry_many(ids[:1]).changed == 1
    assert client.delete_many(text="Listed", status="cancelled").changed == 6


@pytest.mark.parametrize("said", [{}, {"ids": [NOWHERE], "status": "failed"}, {"ids": [NOWHERE], "everything": True}])
def test_all_jobs_are_never_changed_by_mistake(client: Client, said: dict[str, object]) -> None:
    for call in (client.cancel_many, client.retry_many, client.delete_many):
        with pytest.raises(ValueError, match="Give ids or a filter"):
            call(**said)  # type: ignore[operator]


def test_cancel_retry_delete(client: Client) -> None:
    job = client.create("echo", run_at=later())
    assert client.cancel(job, reason="why not").cancel_reason == "why not"
    with pytest.raises(Conflict, match="only a pending or active job"):
        client.cancel(job)
    # A worker may have it before it is read again.
    assert client.retry(str(job.id)).status in ("pending", "active", "completed")
    assert client.wait(job, DEADLINE).status == "completed"
    client.delete(job)
    with pytest.raises(NotFound, match=str(job.id)):
        client.delete(job)


def test_refusals_are_typed_and_name_their_fields(client: Client, server: Server) -> None:
    with pytest.raises(InvalidInput, match="there is no such field") as refused:
        client.create("echo", {"colour": 1})
    error = refused.value
    assert [fault.field for fault in error.errors] == ["data.colour"]
    assert (error.status, error.code, error.title) == (422, "invalid-input", "The input is not valid")
    for call in (
        client.get,
        client.retry,
        client.wait,
        lambda id: [*client.log(id)],
        lambda id: [*client.events([id])],
    ):
        with pytest.raises(NotFound):
            call(NOWHERE)
    with server.client(token="wrong") as stranger, pytest.raises(NotSignedIn):
        stranger.get(NOWHERE)
    with server.client(token="wrong") as stranger, pytest.raises(NotSignedIn):
        next(stranger.events())
    with server.client(server.url + "/login") as lost, pytest.raises(ClientError):
        lost.types()


def test_events_come_in_order_and_end_with_the_last_job(client: Client, gate: Gate) -> None:
    jobs = [client.create("steps", gate.data), client.create("echo")]
    told: dict[UUID, list[int]] = {job.id: [] for job in jobs}
    ends = []
    for event in client.events(jobs, timeout=DEADLINE):
        told[event.job_id].append(event.revision)
        assert event.job is not None
        ends += [event.event] if event.job.finished else []
        gate.open(0, 1, 2)
    assert ends == ["job-completed", "job-completed"]
    assert all(revisions == sorted(set(revisions)) for revisions in told.values())


def test_events_of_all_jobs(client: Client) -> None:
    stream = client.events(timeout=DEADLINE)
    job = client.create("echo")
    named = [event.event for event in itertools.takewhile(lambda event: event.event != "job-completed", stream)]
    assert set(named) <= {"job-created", "job-update", "job-cancelled", "job-failed"}
    client.delete(client.wait(job))
    gone = next(event for event in stream if event.event == "job-deleted")
    assert (gone.job_id, gone.job) == (job.id, None)
    stream.close()  # type: ignore[attr-defined]


def test_a_failure_is_told_with_its_error(client: Client) -> None:
    job = client.create("fail", {"how": "permanent"}, wait=True, wait_seconds=DEADLINE)
    assert job.status == "failed"
    assert job.error is not None
    assert (job.error.message, "Permanent" in (job.error.traceback or "")) == ("nothing can help", True)


def test_waiting_ends_in_time(client: Client, gate: Gate) -> None:
    job = client.create("steps", gate.data)
    with pytest.raises(TimedOut):
        client.wait(job, timeout=0.3)
    assert not client.get(job).finished
    client.cancel(job)
    assert client.wait(job, DEADLINE).status == "cancelled"


def test_watch_draws_a_bar(client: Client, gate: Gate) -> None:
    job = client.create("steps", gate.data, name="Counting [red]")
    drawn = io.StringIO()
    gate.open(0, 1, 2)
    done = client.watch(job, timeout=DEADLINE, console=Console(file=drawn, force_terminal=True, width=100))
    assert done.status == "completed"
    assert "Counting [red]" in drawn.getvalue()
    assert "100 %" in drawn.getvalue()
    assert "completed" in drawn.getvalue()


def test_the_log_is_followed_to_its_end(client: Client, gate: Gate) -> None:
    job = client.create("echo", {"text": "abc"})
    lines = [*client.log(job, follow=True)]
    assert "echoing abc" in [line.message for line in lines]
    assert [*client.log(job, after=lines[-1].id)] == []


def test_types_queues_and_numbers(client: Client) -> None:
    types = {one.type: one for one in client.types()}
    assert types["echo"].input_schema["properties"]["text"]["default"] == "hello"
    assert (types["not-installed"].available, "pip install" in (types["not-installed"].unavailable_reason or "")) == (
        False,
        True,
    )
    queues = {queue.name: queue for queue in client.queues()}
    assert (queues["echo"].types, queues["echo"].paused) == (("echo",), None)
    client.create("echo", wait=True, wait_seconds=DEADLINE)
    own, whole = client.stats(), client.stats(organization=True)
    assert own.by_status["completed"] >= 1
    assert whole.total >= own.total == sum(own.by_status.values())


def test_no_request_from_outside_can_say_so(server: Server) -> None:
    """Neither by the key itself nor by what servers make of names of headers."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    for name in (CALLER, "jobsapp_caller", "jobsapp-caller", "HTTP_JOBSAPP_CALLER"):
        actor = json.dumps({"user_id": "x", "organization_id": "x", "email": "admin@localhost", "role": "admin"})
        connection.request("GET", "/api/types", headers={name: actor})
        answer = connection.getresponse()
        answer.read()
        assert answer.status in (400, 401)
    connection.close()
