"""Clients that do not read, do not answer, or do not speak the language: nobody else may notice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wsproto.events import CloseConnection, TextMessage

from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.events import Event
from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.live import switchboard
from jobsapp.models import Job
from jobsapp.services.jobs import NewJob
from tests.live.conftest import Hand, Site, changed, create, wait_for

COMPLETED = Transition(Status.COMPLETED, "completed", result={"text": "done"})
STEPS = 40


def large(site: Site, actor: Actor) -> Job:
    """A job of which each state is 300 kB."""
    job, _ = site.services.jobs.create(actor, NewJob("echo", {"text": "x" * 300_000}))
    return job


def progress_of(event: dict[str, Any]) -> Any:
    return event["job"]["progress"]["current"]


def test_who_does_not_read_misses_only_what_is_outdated(site: Site, member: Actor, hand: Hand, hints: Hints) -> None:
    """The newest progress takes the place of older, the end is not lost, and others get all of it meanwhile."""
    job = large(site, member)
    stuck, page = site.raw(member, "/ws/jobs?jobs=all"), site.open(member)
    page.client.receive_bytes = 1 << 20
    page.say("subscribe-job", job.id)
    page.event()
    claimed = hand.claim()
    for step in range(1, STEPS + 1):
        hand.pulse(claimed, step, STEPS)
        changed(hints, job)
        page.until(lambda told, step=step: progress_of(told) == step)  # type: ignore[misc]
    hand.finish(claimed, COMPLETED)
    changed(hints, job, Event.COMPLETED)
    page.until(lambda told: told["event"] == "job-completed")
    (watcher,) = [one for one in site.hub._interest.watchers if not one.job_ids]
    assert len(watcher._waiting) == 1
    told: list[dict[str, Any]] = []
    for text in stuck.texts():
        told.append(json.loads(text))
        if told[-1]["event"] == "job-completed":
            break
    revisions = [event["revision"] for event in told]
    assert revisions == sorted(set(revisions))
    assert len(told) < STEPS / 2


def test_who_takes_nothing_is_given_up(
    site: Site, member: Actor, hand: Hand, hints: Hints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switchboard, "SEND_SECONDS", 0.5)
    job = large(site, member)
    site.raw(member, "/ws/jobs?jobs=all")
    page = site.open(member)
    page.client.receive_bytes = 1 << 20
    page.say("subscribe-job", job.id)
    page.event()
    claimed = hand.claim()
    for step in range(1, STEPS + 1):
        hand.pulse(claimed, step, STEPS)
        changed(hints, job)
        page.until(lambda told, step=step: progress_of(told) == step)  # type: ignore[misc]
    wait_for(lambda: len(site.hub._interest.watchers) == 1)
    assert page.client.connected


def test_a_frozen_client_frees_its_place(site: Site, member: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its system still takes what is sent to it; only the pong is missing. Others answer and stay."""
    monkeypatch.setattr(switchboard, "PING_SECONDS", 0.3)
    site.raw(member)
    page = site.open(member)
    wait_for(lambda: len(site.hub._interest.watchers) == 2)
    wait_for(lambda: len(site.hub._interest.watchers) == 1)
    page.nothing(1.5)
    assert page.client.connected


@pytest.mark.parametrize(
    ("data", "code"),
    [
        # Not masked, as clients have to.
        (b"\x81\x02hi", 1002),
        # An opcode that nobody has defined.
        (b"\x83\x80\0\0\0\0", 1002),
    ],
)
def test_what_is_no_frame_ends_that_socket_alone(site: Site, member: Actor, data: bytes, code: int) -> None:
    odd, page = site.raw(member), site.open(member)
    odd.sock.sendall(data)
    (end,) = [event for event in odd.events() if isinstance(event, CloseConnection)]
    assert end.code == code
    job = create(site, member)
    page.say("subscribe-job", job.id)
    assert page.event()["job"]["id"] == str(job.id)


def test_too_long_a_message_is_refused(site: Site, member: Actor) -> None:
    talker = site.raw(member)
    talker.say(TextMessage("x" * 70_000))
    (end,) = [event for event in talker.events() if isinstance(event, CloseConnection)]
    assert end.code == 1009


@pytest.mark.parametrize("compresses", [False, True])
def test_a_message_in_pieces_is_one(site: Site, member: Actor, compresses: bool) -> None:
    job = create(site, member)
    talker = site.raw(member, compresses=compresses)
    wish = json.dumps({"action": "subscribe-job", "jobId": str(job.id)})
    talker.say(TextMessage(wish[:20], message_finished=False))
    talker.say(TextMessage(wish[20:]))
    assert json.loads(next(talker.texts()))["job"]["id"] == str(job.id)


def test_who_can_gets_it_compressed(site: Site, member: Actor, hand: Hand, hints: Hints) -> None:
    """Every message by itself: so it is compressed once, and no socket needs memory for what came before."""
    job = create(site, member)
    path = f"/live/jobs/{job.id}"
    packed, plain = site.raw(member, path, compresses=True), site.open(member, path)
    assert "permessage-deflate; client_no_context_takeover; server_no_context_takeover" in packed.answer
    packed_texts = packed.texts()
    assert next(packed_texts) == plain.text()
    hand.finish(hand.claim(), COMPLETED)
    changed(hints, job, Event.COMPLETED)
    assert next(packed_texts) == plain.text()
