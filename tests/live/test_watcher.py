"""The mailbox of one socket, without a server."""

from __future__ import annotations

import threading
from typing import Any, cast
from uuid import UUID, uuid4

from jobsapp.core.actors import Actor
from jobsapp.core.events import Event
from jobsapp.live import watcher as module
from jobsapp.live.news import Form, News
from jobsapp.live.watcher import Watcher

ACTOR = Actor(uuid4(), uuid4(), "member@localhost", "member")


class FakeNews:
    def __init__(self, job_id: UUID, revision: int) -> None:
        self.job = type("Job", (), {"id": job_id})()
        self.revision = revision

    def text(self, form: Form, event: Event) -> str:
        return f"{event} {self.revision}"


def news(job_id: UUID, revision: int) -> News:
    return cast(News, FakeNews(job_id, revision))


def watcher(**more: Any) -> Watcher:
    return Watcher(ACTOR, Form.JSON, threading.Event().set)


def test_the_newest_state_takes_the_place_of_the_older() -> None:
    mine, job_id, other = watcher(), uuid4(), uuid4()
    mine.offer(news(job_id, 1), Event.UPDATE)
    mine.offer(news(other, 1), Event.UPDATE)
    mine.offer(news(job_id, 2), Event.COMPLETED)
    assert mine.take() == ["job-update 1", "job-completed 2"]
    assert mine.take() == []


def test_a_creation_is_not_merged_away_by_progress() -> None:
    mine, job_id = watcher(), uuid4()
    mine.offer(news(job_id, 1), Event.CREATED)
    mine.offer(news(job_id, 5), Event.UPDATE)
    assert mine.take() == ["job-created 5"]
    mine.offer(news(job_id, 6), Event.UPDATE)
    assert mine.take() == ["job-update 6"]


def test_a_client_too_far_behind_is_sent_away() -> None:
    mine = watcher()
    for _ in range(module.WAITING_LIMIT + 1):
        mine.offer(news(uuid4(), 1), Event.UPDATE)
    assert mine.closing is not None
    assert mine.closing.code == 1013


def test_the_first_reason_to_close_counts() -> None:
    mine = watcher()
    mine.close(1012, "restart")
    mine.close(4401, "late")
    assert mine.closing is not None
    assert mine.closing.code == 1012
