"""Hints that somebody else sends, and clients that send anything: the hub and its sockets go on, and tell the truth."""

from __future__ import annotations

import json
import pickle
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from redis import Redis
from wsproto.events import Ping

from jobsapp.bus.hints import CHANNEL, LOGINS, NOTICES, Hints
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.events import Event, JobChanged
from jobsapp.services.jobs import NewJob
from tests.bus.forged import Bomb
from tests.bus.test_messages import JSON, MESSAGES
from tests.live.conftest import Page, Site, changed, create, hints, wait_for

__all__ = ["hints"]

BOUNDED = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@pytest.fixture
def bus(settings: Settings) -> Redis:
    return Redis.from_url(settings.redis_url)


def still_hears(site: Site, hints: Hints, actor: Actor, page: Page) -> None:
    """The page still hears of what happens."""
    job = create(site, actor)
    assert page.until(lambda one: one["job"]["id"] == str(job.id))["event"] == "job-created"


def test_forged_hints_are_refused_and_the_hub_goes_on(
    site: Site, member: Actor, hints: Hints, bus: Redis, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    page, job = site.open(member, "/ws/jobs?jobs=all"), create(site, member)
    page.until(lambda one: one["job"]["id"] == str(job.id))
    caplog.clear()
    ours = f"{job.id.hex} {job.organization_id.hex}"
    forged = [
        b"", b"{}", b"\xff\xfe", pickle.dumps(Bomb(tmp_path / "mark")), b"x" * 3_000_000, b"\x1b[2J\r\nadmin signed in",
        f"{ours} job-update".encode(), f"{ours} job-exploded 1".encode(), f"{ours} job-update {'9' * 5000}".encode(),
        f"{ours} job-update 1\n".encode(), f"{ours} job-update -1".encode(), f"{job.id} no job-update 1".encode(),
    ]  # fmt: skip
    for message in forged:
        bus.publish(CHANNEL, message)
        bus.publish(LOGINS, message)
        bus.publish(NOTICES, message)
    wait_for(lambda: len(caplog.records) == 3 * len(forged))
    for one in caplog.records:
        assert one.getMessage().startswith("refused a message on jobsapp:")
        assert one.getMessage().isprintable()
        assert one.exc_info is None
    # Well-formed ones about nothing, and a login that did not end.
    hints.publish([JobChanged(uuid4(), member.organization_id, event, 1) for event in Event if event != Event.DELETED])
    hints.logins_ended(member.user_id)
    hints.noticed(uuid4())
    still_hears(site, hints, member, page)
    assert not (tmp_path / "mark").exists()


def test_a_job_that_is_there_is_not_told_to_be_deleted(site: Site, member: Actor, hints: Hints) -> None:
    job = create(site, member)
    page, panel = site.open(member), site.open(member, f"/live/jobs/{job.id}")
    page.say("subscribe-job", job.id)
    page.event()
    panel.text()
    changed(hints, job, Event.DELETED)
    site.services.jobs.cancel(member, job.id)
    assert page.event()["event"] == "job-cancelled"
    assert "ancelled" in panel.text()


def test_a_hint_that_lies_about_the_owner_shows_nobody_the_job(
    site: Site, member: Actor, stranger: Actor, hints: Hints
) -> None:
    theirs = site.open(stranger, "/ws/jobs?jobs=all")
    theirs.nothing(0.1)
    job = create(site, member)
    for event in Event:
        hints.publish([JobChanged(job.id, stranger.organization_id, event, 5)])
    theirs.nothing()
    own = create(site, stranger)
    assert theirs.event()["job"]["id"] == str(own.id)


def test_hints_at_random(site: Site, member: Actor, hints: Hints, bus: Redis, caplog: pytest.LogCaptureFixture) -> None:
    page = site.open(member, "/ws/jobs?jobs=all")
    page.nothing(0.1)

    @examples(max_examples=200, **BOUNDED)
    @given(message=MESSAGES, channel=st.sampled_from([CHANNEL, LOGINS, NOTICES]))
    def send(message: bytes, channel: str) -> None:
        assert bus.publish(channel, message)

    send()
    still_hears(site, hints, member, page)
    assert not [one for one in caplog.records if one.exc_info]


def test_texts_at_random_are_answered(site: Site, member: Actor, caplog: pytest.LogCaptureFixture) -> None:
    page, job = site.open(member), create(site, member)
    wishes = st.fixed_dictionaries(
        {
            "action": st.sampled_from(["subscribe-job", "unsubscribe-job", "x"]) | JSON,
            "jobId": JSON | st.just("9" * 5000),
        }
    )
    texts = st.text(max_size=50) | JSON.map(json.dumps) | wishes.map(json.dumps)

    @examples(max_examples=200, **BOUNDED)
    @given(text=texts)
    def say(text: str) -> None:
        with suppress(ValueError):
            said = json.loads(text)
            if isinstance(said, dict) and said.get("action") in ("subscribe-job", "unsubscribe-job"):
                with suppress(ValueError, KeyError, TypeError, AttributeError):
                    # A wish that can be granted is answered later, or not at all.
                    UUID(said["jobId"])
                    return
        page.client.send(text)
        assert page.event()["event"] == "error"

    say()
    page.client.send(b"\x00\xff")
    assert page.event()["code"] == "invalid-input"
    page.say("subscribe-job", job.id)
    assert page.event()["job"]["id"] == str(job.id)
    assert not [one for one in caplog.records if one.exc_info]


def frame(opcode: int, payload: bytes, *, fin: bool, rsv: int, masked: bool, lie: int) -> bytes:
    """A frame as no library would send it. `lie`: how many bytes more than there are it says it has."""
    size = max(0, len(payload) + lie)
    head = bytes([fin << 7 | rsv << 4 | opcode])
    if size < 126:
        head += bytes([masked << 7 | size])
    elif size < 1 << 16:
        head += bytes([masked << 7 | 126]) + struct.pack("!H", size)
    else:
        head += bytes([masked << 7 | 127]) + struct.pack("!Q", size)
    mask = b"\x01\x02\x03\x04"
    return head + (mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)) if masked else payload)


FRAMES = st.builds(
    frame,
    opcode=st.sampled_from([1, 1, 1, 0, 2, 8, 9, 10]) | st.integers(0, 15),
    payload=st.binary(max_size=130) | st.just(b'{"action": "subscribe-job"}') | st.just(b"\x03\xe8bye"),
    fin=st.sampled_from([True, True, False]),
    rsv=st.sampled_from([0, 0, 0, 1, 4, 7]),
    masked=st.sampled_from([True, True, True, False]),
    lie=st.sampled_from([0, 0, 0, 0, -1, 3, 1 << 20, 1 << 40]),
)


def test_frames_at_random_are_answered_by_the_protocol(
    site: Site, member: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    raws: list[Any] = []

    @examples(max_examples=40, **BOUNDED)
    @given(frames=st.lists(FRAMES, min_size=1, max_size=4), compresses=st.booleans())
    def send(frames: list[bytes], compresses: bool) -> None:
        raw = site.raw(member, compresses=compresses)
        raws.append(raw)
        with suppress(OSError):
            raw.sock.sendall(b"".join(frames))
            raw.say(Ping())
            raw.sock.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            # What comes is what the protocol knows, and then the server hangs up.
            list(raw.events())

    send()
    wait_for(lambda: not site.hub._interest.watchers)
    page, job = site.open(member), create(site, member)
    page.say("subscribe-job", job.id)
    assert page.event()["job"]["id"] == str(job.id)
    assert not [one for one in caplog.records if one.exc_info]


def test_what_is_no_text_is_told_why_it_is_closed(site: Site, member: Actor) -> None:
    too_long = frame(1, b"x" * 70_000, fin=True, rsv=0, masked=True, lie=0)
    for sent, code in (
        (frame(1, b"\xff\xfe", fin=True, rsv=0, masked=True, lie=0), 1007),
        (frame(3, b"", fin=True, rsv=0, masked=True, lie=0), 1002),
        (frame(1, b"x", fin=True, rsv=7, masked=True, lie=0), 1002),
        (frame(0, b"x", fin=True, rsv=0, masked=True, lie=0), 1002),
        (too_long, 1009),
    ):
        raw = site.raw(member)
        raw.sock.sendall(sent)
        assert next(one.code for one in raw.events() if hasattr(one, "code")) == code
    job, _ = site.services.jobs.create(member, NewJob("echo", {}))
    parts = json.dumps({"action": "subscribe-job", "jobId": str(job.id)}).encode()
    raw = site.raw(member)
    for number, byte in enumerate(parts):
        last = number == len(parts) - 1
        raw.sock.sendall(frame(0 if number else 1, bytes([byte]), fin=last, rsv=0, masked=True, lie=0))
    assert json.loads(next(raw.texts()))["job"]["id"] == str(job.id)
