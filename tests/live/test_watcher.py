"""The mailbox of one socket, without a server."""

from __future__ import annotations

from typing import cast
from uuid import UUID, uuid4

from jobsapp.core.actors import Actor
from jobsapp.core.events import Event
from jobsapp.live import watcher as module
from jobsapp.live.message import Bundle
from jobsapp.live.news import Form, News
from jobsapp.live.watcher import Watcher

ACTOR = Actor(uuid4(), uuid4(), "member@localhost", "member")


class FakeNews:
    def __init__(self, job_id: UUID, revision: int) -> None:
        self.job = type("Job", (), {"id": job_id})()
        self.revision = revision

    def text(self, form: Form, event: Event) -> str:
        return f"{event} {self.revision}"


def offer(mine: Watcher, job_id: UUID, revision: int, event: Event) -> None:
    mine.offer(Bundle.of(Form.JSON, [(cast(News, FakeNews(job_id, revision)), event, True)]))


def taken(mine: Watcher) -> list[str]:
    bundle = mine.take()
    return [] if bundle is None else bundle.texts


def watcher() -> Watcher:
    return Watcher(ACTOR, Form.JSON)


def test_the_newest_state_takes_the_place_of_the_older() -> None:
    mine, job_id, other = watcher(), uuid4(), uuid4()
    offer(mine, job_id, 1, Event.UPDATE)
    offer(mine, other, 1, Event.UPDATE)
    offer(mine, job_id, 2, Event.COMPLETED)
    assert taken(mine) == ["job-update 1", "job-completed 2"]
    assert taken(mine) == []


def test_a_creation_is_not_merged_away_by_progress() -> None:
    mine, job_id = watcher(), uuid4()
    offer(mine, job_id, 1, Event.CREATED)
    offer(mine, job_id, 5, Event.UPDATE)
    assert taken(mine) == ["job-created 5"]
    offer(mine, job_id, 6, Event.UPDATE)
    assert taken(mine) == ["job-update 6"]


def test_a_client_too_far_behind_is_sent_away() -> None:
    mine = watcher()
    for _ in range(module.WAITING_LIMIT + 1):
        offer(mine, uuid4(), 1, Event.UPDATE)
    assert mine.closing is not None
    assert mine.closing.code == 1013


def test_the_first_reason_to_close_counts() -> None:
    mine = watcher()
    mine.close(1012, "restart")
    mine.close(4401, "late")
    assert mine.closing is not None
    assert mine.closing.code == 1012
