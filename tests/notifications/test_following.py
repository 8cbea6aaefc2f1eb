"""What is told, to whom and when: made in the transaction of the outbox, gathered, held in quiet hours, once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.core.notifications import Quiet
from jobsapp.errors import Forbidden, InvalidInput, NotFound
from jobsapp.models import Job
from jobsapp.services import Services
from jobsapp.services.channels import NewChannel
from jobsapp.services.jobs import NewJob
from jobsapp.services.new_schedules import NewSchedule
from tests.notifications.conftest import Post
from tests.notifications.receivers import Endpoint, said

Rows = Callable[[str], list[Any]]


def test_jobs_of_an_organisation_without_a_rule_leave_nothing(post: Post, member: Actor, rows: Rows) -> None:
    post.end(member)
    assert rows("SELECT count(*) FROM job_outbox") == [(0,)]


def test_one_hears_of_ones_own_jobs_only(post: Post, member: Actor, admin: Actor, endpoint: Endpoint) -> None:
    post.webhook(member, endpoint.url)
    post.end_and_send(admin)
    assert endpoint.requests == []
    post.end_and_send(member)
    assert len(endpoint.requests) == 1


def test_the_organisation_hears_of_all_of_a_type_and_of_no_other(
    post: Post, member: Actor, operator: Actor, stranger: Actor, endpoint: Endpoint
) -> None:
    post.webhook(operator, endpoint.url, "organization", events=("completed",), types=("echo",))
    post.end_and_send(member)
    post.end_and_send(member, "measure")
    post.end_and_send(stranger)
    assert [one["data"]["userId"] for one in said(endpoint)] == [str(member.user_id)]


def test_what_is_rolled_back_is_not_told(
    post: Post, services: Services, member: Actor, endpoint: Endpoint, connection: psycopg.Connection[Any]
) -> None:
    post.webhook(member, endpoint.url)
    job = services.jobs.create(member, NewJob("echo", {}))[0]
    with connection.transaction(force_rollback=True):
        connection.execute("UPDATE jobs SET status = 'cancelled', cancelled_at = now() WHERE id = %s", [job.id])
        assert connection.execute("SELECT count(*) FROM job_outbox").fetchone() == (1,)
    post.absorb()
    assert post.send() == 0


def test_a_crash_between_taking_and_writing_loses_nothing_and_tells_nothing_twice(
    post: Post, services: Services, member: Actor, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.webhook(member, endpoint.url)
    post.end(member)
    with monkeypatch.context() as broken:
        broken.setattr("jobsapp.services.notifications.facts_of", lambda *_: 1 / 0)
        post.absorb()
    post.connection.execute("UPDATE job_outbox SET not_before = now()")
    assert post.absorb() == 1
    post.send()
    assert len(endpoint.requests) == 1


def test_a_cancelled_job_is_told(post: Post, services: Services, member: Actor, endpoint: Endpoint) -> None:
    post.webhook(member, endpoint.url, events=("cancelled",))
    post.end(member)
    job = services.jobs.create(member, NewJob("echo", {}))[0]
    services.jobs.cancel(member, job.id)
    post.absorb()
    assert post.send() == 1
    [told] = said(endpoint)
    assert (told["type"], told["data"]["id"], told["data"]["status"]) == ("job.cancelled", str(job.id), "cancelled")


def test_a_channel_is_told_of_the_same_once(post: Post, member: Actor, endpoint: Endpoint) -> None:
    channel = post.webhook(member, endpoint.url)
    post.rule(member, channel, events=("completed",))
    post.end_and_send(member)
    assert len(endpoint.requests) == 1


def test_a_retry_that_fails_again_is_told_again(
    post: Post, services: Services, member: Actor, endpoint: Endpoint, drain: Callable[[str], int]
) -> None:
    post.webhook(member, endpoint.url)
    job_id = post.end_and_send(member, "fail")
    services.jobs.retry(member, job_id)
    drain("fail")
    post.absorb()
    post.send()
    assert [one["type"] for one in said(endpoint)] == ["job.failed", "job.failed"]


def test_every_so_many_minutes_one_message(post: Post, member: Actor, endpoint: Endpoint) -> None:
    post.webhook(member, endpoint.url, digest_minutes=60)
    post.end(member, "fail")
    post.end(member)
    post.absorb()
    assert post.send() == 0
    assert post.send(post.now() + timedelta(hours=1)) == 1
    [digest] = said(endpoint)
    assert digest["type"] == "jobs.digest"
    assert digest["data"]["counts"] == {"failed": 1, "completed": 1}
    assert len(digest["data"]["jobs"]) == 2


def test_more_than_so_many_in_a_minute_go_out_as_one(post: Post, member: Actor, endpoint: Endpoint) -> None:
    post.webhook(member, endpoint.url, digest_above=2)
    for _ in range(5):
        post.end(member)
    post.absorb()
    assert post.send() == 2
    assert post.send() == 0
    assert post.send(post.now() + timedelta(seconds=61)) == 1
    assert said(endpoint)[-1]["data"]["count"] == 3


def test_in_quiet_hours_only_failures_come_through(post: Post, member: Actor, endpoint: Endpoint) -> None:
    now = post.now()
    start, end = now - timedelta(hours=1), now + timedelta(hours=2)
    quiet = {"quiet_from": start.strftime("%H:%M"), "quiet_until": end.strftime("%H:%M"), "failures_through": True}
    post.webhook(member, endpoint.url, **quiet)
    for name in ("echo", "fail", "echo"):
        post.end(member, name)
    post.absorb()
    assert post.send() == 1
    assert said(endpoint)[0]["type"] == "job.failed"
    assert post.send(now + timedelta(minutes=100)) == 0
    assert post.send(now + timedelta(minutes=121)) == 1
    assert said(endpoint)[1]["data"]["count"] == 2


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-26T20:59Z", None),
        ("2026-11-26T21:00Z", "2026-11-27T06:00Z"),
        ("2026-11-27T05:59Z", "2026-11-27T06:00Z"),
        ("2026-11-27T06:00Z", None),
        # The night in which clocks go back has an hour more, the one in which they go forward an hour less.
        ("2026-10-24T20:00Z", "2026-10-25T06:00Z"),
        ("2026-03-28T21:00Z", "2026-03-29T05:00Z"),
    ],
)
def test_quiet_hours_end_by_the_clock_of_their_zone(now: str, until: str | None) -> None:
    quiet = Quiet(time(22), time(7), "Europe/Vienna")
    expected = None if until is None else datetime.fromisoformat(until)
    assert quiet.until(datetime.fromisoformat(now).astimezone(UTC)) == expected


def test_who_is_no_member_any_more_is_told_nothing(
    post: Post, services: Services, member: Actor, endpoint: Endpoint, rows: Rows
) -> None:
    post.webhook(member, endpoint.url)
    post.end(member)
    post.absorb()
    services.memberships.remove(member.organization_id, member.user_id)
    assert post.send() == 0
    assert rows("SELECT count(*) FROM notification_channels") == [(0,)]
    assert endpoint.requests == []


def test_an_account_that_was_deactivated_is_told_nothing(
    post: Post, services: Services, member: Actor, endpoint: Endpoint
) -> None:
    post.webhook(member, endpoint.url)
    post.end(member)
    post.absorb()
    services.memberships.deactivate(member.user_id)
    post.send()
    post.end(member)
    post.absorb()
    post.send()
    assert endpoint.requests == []


def test_a_rule_of_a_schedule_is_about_its_jobs_whoever_they_are(
    post: Post, services: Services, member: Actor, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    schedule = services.schedules.create(admin, NewSchedule("echo", {}, "Nightly", every_seconds=3600))
    channel = services.channels.create(member, NewChannel("browser", "Here"))
    post.rule(member, channel, events=("completed",), schedule_id=schedule.id)
    made = services.schedules.run(admin, schedule.id).job_id
    other = services.jobs.create(member, NewJob("echo", {}))[0].id
    assert post.drain("echo") == 2
    post.absorb()
    told = connection.execute("SELECT job_id FROM notifications").fetchall()
    assert told == [(made,)]
    assert other != made


def test_rights(services: Services, member: Actor, operator: Actor, admin: Actor, stranger: Actor) -> None:
    with pytest.raises(Forbidden, match="operator"):
        services.channels.create(member, NewChannel("email", "x", "organization", to=("a@example.org",)))
    of_all = services.channels.create(operator, NewChannel("email", "x", "organization", to=("a@example.org",)))
    own = services.channels.create(member, NewChannel("email", "mine"))
    for actor, channel in ((member, of_all), (admin, own), (stranger, of_all)):
        with pytest.raises(NotFound):
            services.channels.get(actor, channel.id)
    assert [one.id for one in services.channels.all(admin)] == [of_all.id]


def test_a_rule_goes_with_a_channel_of_its_own_scope(post: Post, services: Services, operator: Actor) -> None:
    own = services.channels.create(operator, NewChannel("email", "mine"))
    with pytest.raises(InvalidInput, match="channelId"):
        post.rule(operator, own, scope="organization")
    with pytest.raises(InvalidInput, match="scheduleId"):
        post.rule(operator, own, schedule_id=own.id)
    with pytest.raises(InvalidInput) as told:
        post.rule(operator, own, events=(), zone="Mars", quiet_from="25:00", digest_minutes=-1, waiting_seconds=1)
    fields = {one.field for one in told.value.errors}
    assert fields == {"events", "zone", "quietFrom", "quietUntil", "digestMinutes", "waitingSeconds"}


def test_nothing_secret_is_kept_in_the_open(services: Services, member: Actor, rows: Rows) -> None:
    made = services.channels.create(member, NewChannel("webhook", "x", url="https://example.org/T0s3cret/x?key=s3cret"))
    assert made.shown == "https://example.org/…"
    services.channels.create(
        member, NewChannel("apprise", "y", url="discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js")
    )
    kept = str(rows("SELECT * FROM notification_channels")) + str(rows("SELECT * FROM audit_events"))
    for secret in ("s3cret", made.secret or "", "JHMHI8qBe7bk2ZwO5U711o3dV_js"):
        assert secret not in kept
    assert services.channels.get(member, made.id).secret is None


def test_a_browser_has_what_came_since(post: Post, services: Services, member: Actor, admin: Actor) -> None:
    post.rule(member, services.channels.create(member, NewChannel("browser", "Here")))
    post.end_and_send(member, name="First")
    [first] = services.deliveries.for_browser(member, after=None)
    post.end_and_send(member, name="Second")
    [second] = services.deliveries.for_browser(member, after=first.id)
    assert (first.subject, second.subject) == ("First completed", "Second completed")
    assert services.deliveries.for_browser(admin, after=None) == []


def test_facts_hold_no_input(post: Post, member: Actor, endpoint: Endpoint) -> None:
    post.webhook(member, endpoint.url)
    post.end_and_send(member)
    assert not {"data", "result"} & said(endpoint)[0]["data"].keys()
    assert Job.data.key == "data"
