"""What networks and servers do, and what becomes of a call: nothing is done twice, and nothing is given up too soon."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from pathlib import Path

import msgspec
import pytest

from jobsapp.client import (
    Client,
    Damaged,
    NotFound,
    NotSignedIn,
    RateLimited,
    Retries,
    ServerFailed,
    TimedOut,
    Unreachable,
)
from tests.client.conftest import Gate, Server
from tests.client.proxy import (
    Proxy,
    closes_with,
    cuts_after,
    loses_the_answer,
    opens_no_socket,
    says,
    says_nothing,
    slams,
)
from tests.processes import wait_until

DEADLINE = 60.0


def test_a_lost_answer_makes_no_second_job(shaky: Client, proxy: Proxy, client: Client) -> None:
    proxy.plans = [slams, loses_the_answer, says("502 Bad Gateway"), cuts_after(300), loses_the_answer]
    job = shaky.create("echo", name="Only one")
    assert [one.id for one in client.list(text="Only one")] == [job.id]
    assert proxy.plans == []


def test_a_lost_answer_to_a_cancel_is_no_conflict(shaky: Client, proxy: Proxy, client: Client, gate: Gate) -> None:
    job = client.create("steps", gate.data)
    proxy.plans = [loses_the_answer]
    assert shaky.cancel(job, reason="once").cancel_reason == "once"
    client.wait(job, DEADLINE)
    proxy.cut()
    proxy.plans = [loses_the_answer]
    shaky.delete(job)
    with pytest.raises(NotFound):
        client.get(job)


def test_a_retry_is_sent_again_only_if_nothing_was_done(shaky: Client, proxy: Proxy, client: Client) -> None:
    job = client.create("fail", {"how": "permanent"}, wait=True, wait_seconds=DEADLINE)
    proxy.plans = [loses_the_answer]
    with pytest.raises(Unreachable):
        shaky.retry(job)
    assert client.wait(job, DEADLINE).attempts == 2
    proxy.plans = [says("503 Service Unavailable", "Retry-After: 0")]
    shaky.retry(job)
    assert client.wait(job, DEADLINE).attempts == 3


def test_an_upload_is_begun_anew(shaky: Client, proxy: Proxy, tmp_path: Path) -> None:
    source = tmp_path / "in.bin"
    source.write_bytes(os.urandom(2_000_000))
    proxy.plans = [slams, loses_the_answer]
    file = shaky.upload(source)
    assert (file.size, proxy.plans) == (2_000_000, [])


def test_a_download_goes_on_where_it_broke(shaky: Client, proxy: Proxy, client: Client, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    (tmp_path / "in.bin").write_bytes(content)
    file = client.upload(tmp_path / "in.bin")
    proxy.plans = [cuts_after(1_000_000), cuts_after(1_500_000), slams]
    assert shaky.download(file, tmp_path / "out.bin").read_bytes() == content
    assert proxy.plans == []
    ranges = [link.said.lower().partition(b"range: bytes=")[2].partition(b"-")[0] for link in proxy.links]
    first, second, *_, last = [int(one or 0) for one in ranges]
    assert first == 0 < second < last < 3_000_000


def test_damaged_bytes_get_no_name(client: Client, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("one")
    file = msgspec.structs.replace(client.upload(tmp_path / "in.txt"), sha256="0" * 64)
    with pytest.raises(Damaged, match=r"in\.txt"):
        client.download(file, tmp_path / "out.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]


def test_retry_after_is_honoured(shaky: Client, proxy: Proxy) -> None:
    proxy.plans = [says("429 Too Many Requests", "Retry-After: 1"), says("503 Service Unavailable")]
    began = time.monotonic()
    shaky.types()
    assert 1 <= time.monotonic() - began < DEADLINE
    proxy.cut()
    proxy.plans = [says("429 Too Many Requests", "Retry-After: 3600")]
    with pytest.raises(RateLimited) as refused:
        shaky.types()
    assert refused.value.retry_after == 3600


def test_it_is_given_up_in_the_end(server: Server, proxy: Proxy) -> None:
    proxy.usual = says("504 Gateway Timeout")
    with Client(proxy.url, server.token, retries=Retries(attempts=3, first=0.01)) as client:
        with pytest.raises(ServerFailed, match="504 Gateway Timeout"):
            client.types()
        assert len(proxy.links) == 3
    twice = Retries(attempts=2, first=0.01)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(url, timeout=0.2, retries=twice) as client, pytest.raises(Unreachable, match="timed out"):
            client.types()
    with Client(url, retries=twice) as client, pytest.raises(Unreachable, match="refused"):
        client.create("echo")


def test_a_stream_survives_its_connections(shaky: Client, proxy: Proxy, client: Client, gate: Gate) -> None:
    job = client.create("steps", gate.data)
    revisions, steps = [], []
    for event in shaky.events([job], timeout=DEADLINE):
        revisions.append(event.revision)
        assert event.job is not None
        if event.job.status == "active":
            proxy.cut()
            proxy.plans = [slams]
            # What happens while nobody listens is told by the state that comes first.
            step = len(steps)
            steps.append(step)
            gate.open(step)
    assert event.event == "job-completed"
    assert revisions == sorted(set(revisions))
    assert len(proxy.links) > 3


def test_a_job_deleted_meanwhile_ends_the_stream(shaky: Client, proxy: Proxy, client: Client, gate: Gate) -> None:
    job = client.create("steps", gate.data)
    stream = shaky.events([job], timeout=DEADLINE)
    next(stream)
    proxy.cut()
    client.cancel(job)
    client.delete(client.wait(job, DEADLINE))
    assert [event.event for event in stream][-1] == "job-deleted"


def test_without_sockets_it_is_asked(shaky: Client, proxy: Proxy, client: Client, gate: Gate) -> None:
    proxy.usual = opens_no_socket
    job = client.create("steps", gate.data)

    def asked() -> bool:
        return any(b"Prefer: wait=" in link.said for link in proxy.links)

    def go() -> None:
        wait_until(asked, "the client asks how the job is")
        gate.open(0, 1, 2)

    going = threading.Thread(target=go)
    going.start()
    assert shaky.wait(job, DEADLINE).status == "completed"
    going.join()
    assert shaky.watch(job, timeout=DEADLINE).status == "completed"


def test_a_server_without_a_free_socket_is_asked(shaky: Client, proxy: Proxy, client: Client) -> None:
    job = client.create("echo", wait=True, wait_seconds=DEADLINE)
    proxy.plans = [closes_with(1013)]
    assert shaky.watch(job, timeout=DEADLINE).status == "completed"
    assert proxy.plans == []
    proxy.cut()
    proxy.plans = [closes_with(4401)]
    with pytest.raises(NotSignedIn):
        next(shaky.events([job]))


def test_a_silent_server_holds_nobody_longer_than_they_wait(shaky: Client, proxy: Proxy, client: Client) -> None:
    job = client.create("echo")
    proxy.usual = says_nothing
    began = time.monotonic()
    with pytest.raises(TimedOut):
        next(shaky.events([job], timeout=0.5))
    assert time.monotonic() - began < 10


def test_waiting_survives_a_server_that_is_killed(server: Server, client: Client, gate: Gate) -> None:
    web = next(one for one in server.processes._running if "gunicorn" in one.args)  # type: ignore[operator]
    job = client.create("steps", gate.data)
    states = client.events([job], timeout=DEADLINE)
    next(states)
    server.processes.end(web, signal.SIGKILL)
    gate.open(0, 1, 2)
    again = server.processes.web(server.port)
    assert again.poll() is None
    assert [event.event for event in states][-1] == "job-completed"
    assert client.wait(job, DEADLINE).status == "completed"
