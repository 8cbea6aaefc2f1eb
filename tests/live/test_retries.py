"""A job with a retry due is pending, wherever one looks, and nobody hears that it failed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import redis

from jobsapp.bus.hints import CHANNEL
from jobsapp.bus.messages import read_news
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.services.jobs import NewJob, RetryChanges
from tests.api.conftest import Caller, as_admin, caller
from tests.live.conftest import Page, Site
from tests.pages.conftest import SignIn, client, sign_in

__all__ = ["SignIn", "as_admin", "caller", "client", "sign_in"]

Connection = psycopg.Connection[Any]
FINAL = {"job-completed", "job-failed", "job-cancelled"}


def let_it_be_due(connection: Connection, job_id: UUID) -> None:
    for table, column in (("jobs", "id"), ("job_queue", "job_id")):
        connection.execute(f"UPDATE {table} SET run_at = now() WHERE {column} = %s", [job_id])


def events_until(page: Page, revision: int) -> list[dict[str, Any]]:
    events = [page.event()]
    while events[-1]["revision"] < revision:
        events.append(page.event())
    return events


def test_two_failures_then_success(
    site: Site,
    admin: Actor,
    connection: Connection,
    drain: Callable[[str], int],
    settings: Settings,
    as_admin: Caller,
    sign_in: SignIn,
) -> None:
    bus = redis.Redis.from_url(settings.redis_url, decode_responses=True)
    hints = bus.pubsub(ignore_subscribe_messages=True)
    hints.subscribe(CHANNEL)
    assert hints.get_message(timeout=5) is None, "that is the answer to the subscription"
    browser = sign_in(admin)
    retry = RetryChanges(first_seconds=3600, ceiling_seconds=3600, jitter=0)
    job, _ = site.services.jobs.create(admin, NewJob("fail", {"untilAttempt": 3}, retry=retry))
    page = site.open(admin)
    page.say("subscribe-job", job.id)
    events = events_until(page, 1)
    for attempt in (1, 2):
        assert drain("fail") == 1
        events += events_until(page, 1 + 2 * attempt)
        shown = as_admin.job(str(job.id))
        assert (shown["status"], shown["failedAt"], shown["attempts"]) == ("pending", None, attempt)
        assert (shown["waitingFor"]["code"], shown["etaSeconds"]) == ("retry", None)
        assert as_admin("GET", "/api/jobs?status=failed").get_json()["jobs"] == []
        stats = as_admin("GET", "/api/jobs/stats").get_json()
        assert (stats["byStatus"]["pending"], stats["byStatus"]["failed"], stats["failureRate"]) == (1, 0, None)
        for path in (f"/jobs/{job.id}", f"/jobs/{job.id}/modal", f"/jobs/{job.id}/live", "/jobs"):
            html = browser.get(path).text
            assert "Job failed" not in html, path
            states = re.findall(rf'data-job="{job.id}"[^>]*data-state="(\w+)"', html)
            assert set(states) == {"pending"}, path
            assert "is due" in html, path
        let_it_be_due(connection, job.id)
    assert drain("fail") == 1
    events += events_until(page, 7)
    names = [event["event"] for event in events]
    assert names[0] == "job-created"
    assert names[-1] == "job-completed"
    assert set(names[1:-1]) == {"job-update"}
    assert [event["revision"] for event in events] == sorted(event["revision"] for event in events)
    told = []
    while message := hints.get_message(timeout=0.5):
        told += [one.event for one in read_news(message["data"].encode())]
    assert told == ["job-created", *["job-update"] * 5, "job-completed"]
    page.nothing()
