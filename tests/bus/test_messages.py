"""What is read out of Redis: ours is understood, anything else is refused with a sentence, and nothing is executed."""

from __future__ import annotations

import json
import os
import pickle
import zlib
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from jobsapp.bus.hints import Hints, encode
from jobsapp.bus.messages import NEWS_BYTES, Order, Refused, read_id, read_news, read_order, read_wake_up
from jobsapp.bus.roster import REPORTS, SEEN, WISHES, Report, Roster
from jobsapp.bus.wake_ups import WakeUps
from jobsapp.config import Settings
from jobsapp.core.events import Event, JobChanged
from tests.bus.forged import Bomb

JOB = UUID("01a21660-817d-723b-bc45-265aec7e1105")
LINE = f"{JOB.hex} {JOB.hex} job-update 3"
FUZZ = settings(max_examples=300, deadline=None)
PIECES = st.sampled_from(
    [LINE, JOB.hex, "job-update", "job-deleted", "9" * 30, "drain", "\n", " ", "\0", "\x1b[2J", "{", "[", "null"]
)
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=12).map("".join)
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10), st.just("drain"), st.just(str(JOB))
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["command", "job", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
MESSAGES = st.one_of(st.binary(max_size=300), TEXTS.map(str.encode), JSON.map(lambda one: json.dumps(one).encode()))


@pytest.fixture
def bus(settings: Settings) -> Redis:
    return Redis.from_url(settings.redis_url)


def test_ours_are_read() -> None:
    changes = [JobChanged(uuid4(), uuid4(), event, number) for number, event in enumerate(Event)]
    assert read_news(encode(changes).encode()) == changes
    assert read_order(b'{"command": "shutdown"}') == Order("shutdown")
    assert read_order(json.dumps({"command": "kill-horse", "job": str(JOB)}).encode()) == Order("kill-horse", JOB)
    assert read_id(str(JOB).encode()) == JOB
    read_wake_up(zlib.compress(b'["drain", null, [], {}]'))


@FUZZ
@given(message=MESSAGES)
def test_anything_else_is_refused_and_nothing_worse(message: bytes) -> None:
    for read in (read_news, read_order, read_id, read_wake_up, lambda data: read_wake_up(zlib.compress(data))):
        with suppress(Refused):
            read(message)


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(("drain", None, [], {})),
        zlib.compress(pickle.dumps(Bomb("/tmp/never"))),
        zlib.compress(json.dumps(["os.system", None, ["true"], {}]).encode()),
        zlib.compress(json.dumps(["drain", "os", [], {}]).encode()),
        zlib.compress(json.dumps(["drain", None, ["x"], {}]).encode()),
        zlib.compress(b"[" * 100_000),
        zlib.compress(b'["drain", null, [], {}]' + b" " * 10_000_000),
        zlib.compress(b'["drain", null, [], {}]') + b"more",
        b"",
    ],
)
def test_a_job_of_rq_that_is_no_wake_up_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        read_wake_up(data)


def test_news_have_a_bound() -> None:
    whole = (LINE + "\n") * (NEWS_BYTES // (len(LINE) + 1)) + LINE
    with pytest.raises(Refused, match="more than"):
        read_news(whole.encode())
    for line in ("", LINE + " ", LINE + "\v" + LINE, LINE.replace("3", "-3"), LINE.replace("3", "٣"), LINE + "\0"):
        with pytest.raises(Refused):
            read_news(line.encode())


def taken(bus: Redis, *names: str) -> list[tuple[str, str]]:
    """What a worker takes from these queues until they are empty: (queue, id)."""
    queues = [WakeUps(name, connection=bus, serializer=JSONSerializer) for name in names]
    found = []
    while (one := WakeUps.dequeue_any(queues, None, bus, serializer=JSONSerializer)) is not None:
        found.append((one[1].name, one[0].id))
    return found


@pytest.mark.parametrize("names", [("echo",), ("echo", "steps")], ids=["of one queue", "of several"])
def test_only_wake_ups_are_taken_from_a_queue(
    bus: Redis, caplog: pytest.LogCaptureFixture, names: tuple[str, ...], settings: Settings
) -> None:
    forged: list[Any] = [b"\xff\xfe", b"", "x" * 100_000, "../../etc", "\x1b[2J\n", "refused", str(uuid4())]
    for one in forged:
        bus.rpush("rq:queue:echo", one)
    Queue("echo", connection=bus).enqueue_call(os.system, ["true"])
    Queue("echo", connection=bus, serializer=JSONSerializer).enqueue_call("os.system", ["true"])
    wrong = str(uuid4())
    bus.set(f"rq:job:{wrong}", "no hash")
    bus.rpush("rq:queue:echo", wrong)
    bus.set("rq:queue:steps", "no list")
    Hints(bus).wake("echo")
    assert bus.llen("rq:queue:echo") == len(forged) + 3, "there was enough in it"
    bus.rpush("rq:queue:echo", str(uuid4()))
    ours = Queue("echo", connection=bus, serializer=JSONSerializer).enqueue_call("drain", ttl=60).id
    bus.hset(
        f"rq:job:{ours}", mapping={"success_callback_name": "os.abort", "meta": "{", "status": "x", "timeout": "y"}
    )
    assert taken(bus, *names) == [("echo", ours)]
    refusals = [one.getMessage() for one in caplog.records]
    assert len(refusals) == 9 + (len(names) > 1), refusals
    assert all(message.startswith("refused ") and message.isprintable() for message in refusals)
    assert bus.lrange("rq:queue:echo:intermediate", 0, -1) == ([ours.encode()] if len(names) == 1 else [])
    assert [key for key in bus.keys("rq:job:*") if ours.encode() not in key] == []


def test_a_wake_up_does_not_stay_for_ever(bus: Redis) -> None:
    assert Hints(bus).wake("echo")
    (key,) = bus.keys("rq:job:*")
    assert 0 < bus.ttl(key) <= 3600


@pytest.mark.parametrize(
    "report",
    [
        b"\xff",
        b"{",
        b"null",
        b"[]",
        b"{}",
        "{" * 50_000,
        {"pid": "x"},
        {"pid": -1},
        {"pid": 10**30},
        {"name": "other"},
        {"age_seconds": float("nan")},
        {"age_seconds": 1e300},
        {"queues": "echo"},
        {"host": "x" * 1000},
        {"memory_bytes": -5},
        {"queues": None},
    ],
    ids=lambda one: repr(one)[:30],
)
def test_a_report_that_is_none_is_refused_once(bus: Redis, caplog: pytest.LogCaptureFixture, report: Any) -> None:
    roster = Roster(bus)
    assert roster.report([Report("good", "host", 1, ["echo"], 1.0)]) == {}
    fine = {"name": "w", "host": "h", "pid": 1, "queues": ["echo"], "age_seconds": 1.0}
    text = json.dumps(fine | report) if isinstance(report, dict) else report
    bus.hset(REPORTS, "w", text)
    bus.zadd(SEEN, {"w": bus.time()[0]})
    bus.hset(WISHES, "good", b"\xff\x00")
    for _ in range(2):
        assert [one.report.name for one in roster.read() or []] == ["good"]
    assert len(caplog.records) == 1
    assert caplog.records[0].getMessage().startswith("refused a report of a worker: its ")


def test_a_report_from_no_time_is_passed_over(bus: Redis) -> None:
    roster = Roster(bus)
    for name, at in (("future", float("inf")), ("past", float("-inf")), ("good", bus.time()[0])):
        roster.report([Report(name, "host", 1, ["echo"], 1.0)])
        bus.zadd(SEEN, {name: at})
    assert [one.report.name for one in roster.read() or []] == ["good"]
