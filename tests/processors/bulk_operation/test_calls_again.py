"""Which calls are made again: after a failure, after a crash, by another job."""

from __future__ import annotations

import socket
import tracemalloc

import pytest

from jobsapp.processors.bulk_operation.journal import Call, Journal
from jobsapp.processors.sdk import Permanent
from jobsapp.processors.testing import FakeContext
from tests.processors.bulk_operation.conftest import CALL, failures, write


def test_each_failure_is_told_and_tried_again_where_that_is_safe(server, work, monkeypatch):
    monkeypatch.setattr("jobsapp.processors.bulk_operation.calling.FIRST_PAUSE", 0.01)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        paths = ["ok", "status/422", "flaky/1", "status/500", "cut", "slow"]
        rows = [{"url": f"{server.url}/{path}"} for path in paths]
        rows += [{"url": f"http://127.0.0.1:{unused.getsockname()[1]}/"}, {"url": ""}, {"uri": "x"}]
        run = work(rows, **CALL, url="{{url}}", retries=1, timeoutSeconds=2)
    found = {line["item"]: (line["code"], line.get("key") is not None) for line in failures(run)}
    assert found == {
        2: ("http_422", False),
        4: ("http_500", True),
        5: ("connection_lost", True),
        6: ("timeout", True),
        7: ("no_connection", False),
        8: ("empty", False),
        9: ("missing", False),
    }
    assert run.result["succeeded"] == 2
    assert server.seen == {"/ok": 1, "/status/422": 1, "/flaky/1": 2, "/status/500": 2, "/cut": 2, "/slow": 2}
    message = next(line["message"] for line in failures(run) if line["item"] == 2)
    assert message == "The server answered 422: no: the price is wrong"
    keys = [one.headers["Idempotency-Key"] for one in server.asked if one.path == "/flaky/1"]
    assert keys[0] == keys[1]


def test_without_a_key_a_post_is_never_sent_twice(server, work, monkeypatch):
    monkeypatch.setattr("jobsapp.processors.bulk_operation.calling.FIRST_PAUSE", 0.01)
    rows = [{"path": path} for path in ("status", "cut", "busy")]
    data = {"url": server.url + "/{{path}}", "idempotencyHeader": ""}
    run = work([*rows, {"path": "flaky"}], **CALL, **data)
    # 429 says that nothing was done.
    assert server.seen == {"/status": 1, "/cut": 1, "/flaky": 1, "/busy": 2}
    assert {line["code"] for line in failures(run)} == {"connection_lost", "http_503"}


def test_what_failed_is_called_again_with_the_key_of_an_unknown_outcome(server, work, tmp_path):
    rows = [{"p": "ok"}, {"p": "cut"}, {"p": "flaky"}]
    first = work(rows, **CALL, url=server.url + "/{{p}}", retries=0)
    keys = {one.path: one.headers["Idempotency-Key"] for one in server.asked}
    report = first.artifacts["failed.jsonl"].rename(tmp_path / "failed.jsonl")
    second = work(report, **CALL, url=server.url + "/{{p}}", retries=0)
    assert (second.result["rows"], second.result["succeeded"], second.result["failed"]) == (2, 1, 1)
    again = {one.path: one.headers["Idempotency-Key"] for one in server.asked[3:]}
    assert again == {"/cut": keys["/cut"], "/flaky": keys["/flaky"]}


class Crash(BaseException):
    """The end of a process."""


@pytest.mark.parametrize("header", ["Idempotency-Key", ""])
def test_after_a_crash_no_settled_call_is_made_again(server, work, tmp_path, monkeypatch, header):
    monkeypatch.setattr("jobsapp.processors.bulk_operation.calls.LOOK_SECONDS", 0.05)
    monkeypatch.setattr("jobsapp.processors.bulk_operation.journal.SECONDS", 0.0)
    path = write(tmp_path, [{"n": n} for n in range(300)])
    context = FakeContext(tmp_path, files=[path])
    server.pause = 0.01

    def progress(current, *given, **named):
        if current >= 100:
            raise Crash

    context.progress = progress
    data = {**CALL, "url": server.url + "/ok/{{n}}", "concurrency": 5, "idempotencyHeader": header}
    with pytest.raises(Crash):
        work(path, **data, context=context)
    (kept,) = context.keepdir.glob("1.calls")
    kept.write_bytes(kept.read_bytes() + b'{"item": 299, "li')
    after = context.next_attempt()
    after.job_id = context.job_id
    run = work(path, **data, context=after)
    assert any(line.startswith("Resumed: ") for _, line in run.log)
    assert run.result["succeeded"] + run.result["failed"] == 300
    twice = [path for path, times in server.seen.items() if times > 1]
    if header:
        # Only those that were under way may be made twice, and then with the same key.
        assert (run.result["failed"], len(server.seen)) == (0, 300)
        assert len(twice) <= 5
        keys = {(one.path, one.headers["Idempotency-Key"]) for one in server.asked}
        assert len(keys) == 300
    else:
        assert twice == []
        assert {line["code"] for line in failures(run)} <= {"unknown_outcome"}
        assert run.result["failed"] <= 5


def test_without_its_journal_a_job_makes_no_unsafe_call_again(server, work, tmp_path):
    context = FakeContext(tmp_path, attempt=2, last_checkpoint={"calls": 7})
    with pytest.raises(Permanent, match="7 calls"):
        work([{"n": 1}], **CALL, url=server.url + "/ok", idempotencyHeader="", context=context)
    assert server.connections == 0


def test_after_a_crash_the_answers_stay_on_disk(tmp_path):
    context, answer = FakeContext(tmp_path), "x" * 10_000
    with Journal(context, marks=True) as journal:
        for number in range(1, 2_001):
            journal.begin(number)
            journal.end(Call(number, number, 200, 1.0, 1, body=answer))
        journal.begin(2_001)
    tracemalloc.start()
    with Journal(context.next_attempt(), marks=True) as journal:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (len(journal.settled), journal.begun, journal.settled.get(2_001)) == (2_000, {2_001}, None)
        last = journal.settled.get(2_000)
        assert last is not None
        assert (last.item, last.body) == (2_000, answer)
    assert most < 1_000_000, "twenty megabytes of answers were read"
