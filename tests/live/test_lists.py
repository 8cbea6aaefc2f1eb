"""Lists with a filter, and jobs that are deleted while somebody looks."""

from __future__ import annotations

from typing import cast

import pytest
from flask_openapi3 import OpenAPI

from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.events import Event
from jobsapp.core.filters import JobFilter
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.live.news import Form, News
from jobsapp.live.parcel import Parcel, Told
from jobsapp.live.watcher import Watcher
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.many_changes import Chosen
from tests.live.conftest import Hand, Site, changed, create

INSERTS = 'hx-target="#job-rows[data-newest]"'
FAILED = Transition(Status.FAILED, "failed", failure=Failure("ValueError", "broke", None))


def test_a_filtered_list_hears_of_what_may_match_only(
    site: Site, services: Services, member: Actor, admin: Actor
) -> None:
    page = site.open(member, "/live/jobs?type=echo&user=me&q=apples")
    create(site, member)
    services.jobs.create(admin, NewJob("echo", {}, name="Apples of others"))
    services.jobs.create(member, NewJob("steps", {}, name="Apples of another type"))
    wanted, _ = services.jobs.create(member, NewJob("echo", {}, name="My apples"))
    text = page.text()
    assert str(wanted.id) in text
    assert INSERTS in text
    page.nothing()


def test_a_row_comes_with_its_state_and_is_told_when_it_leaves(
    site: Site, member: Actor, hand: Hand, hints: Hints
) -> None:
    page = site.open(member, "/live/jobs?status=failed")
    job = create(site, member)
    created = page.text()
    assert str(job.id) in created
    assert INSERTS not in created
    claimed = hand.claim()
    hand.finish(claimed, FAILED)
    changed(hints, job, Event.FAILED)
    assert INSERTS in page.text()
    site.services.jobs.retry(member, job.id)
    again = page.text()
    assert 'data-state="pending"' in again
    assert INSERTS not in again


def test_a_job_that_is_over_before_it_was_told_comes_on_top_all_the_same(
    site: Site, member: Actor, hand: Hand, hints: Hints
) -> None:
    page = site.open(member, "/live/jobs")
    page.nothing()
    with site.hub._changed:
        job = create(site, member)
        hand.finish(hand.claim(), FAILED)
        changed(hints, job, Event.FAILED)
    text = page.text()
    while 'data-state="failed"' not in text:
        text = page.text()
    assert INSERTS in text


def test_nonsense_in_the_address_narrows_nothing(site: Site, member: Actor) -> None:
    page = site.open(member, "/live/jobs?status=done&user=nobody@nowhere")
    job = create(site, member)
    assert str(job.id) in page.text()


def test_everybody_hears_of_a_deletion(site: Site, admin: Actor, member: Actor, stranger: Actor) -> None:
    job = create(site, member)
    job_id = job.id
    site.services.jobs.cancel(member, job_id)
    every = site.open(member, "/ws/jobs?jobs=all")
    one = site.open(member)
    one.say("subscribe-job", job_id)
    rows = site.open(member, "/live/jobs")
    panel = site.open(member, f"/live/jobs/{job_id}")
    tray = site.open(member, f"/live/tray?jobs={job_id}")
    others = site.open(stranger, "/live/jobs")
    for page in (every, one, rows, panel, tray):
        assert str(job_id) in page.text()
    assert site.services.many.apply(admin, "delete", Chosen((job_id,))).changed == 1
    told = {"event": "job-deleted", "jobId": str(job_id)}
    for page in (every, one):
        assert page.until(lambda event: event["event"] == "job-deleted") == told
    while f'<hx-partial hx-target="#row-{job_id}" hx-swap="delete">' not in rows.text():
        pass
    assert f'<hx-partial hx-target="#tray-{job_id}" hx-swap="delete">' in tray.text()
    assert panel.closed() == 4404
    others.nothing()
    one.nothing()


def test_a_deletion_that_nobody_told_is_found_when_the_job_is_read(site: Site, admin: Actor, hints: Hints) -> None:
    job = create(site, admin)
    panel = site.open(admin, f"/live/jobs/{job.id}")
    panel.text()
    changes = (job.id, job.organization_id)
    site.services.jobs.cancel(admin, job.id)
    panel.text()
    site.services.cleanup._hints = Hints(hints._redis)
    site.services.cleanup._hints.publish = lambda changes: True  # type: ignore[method-assign,assignment]
    site.services.many.delete(admin, changes[0])
    site.hub._missed()
    assert panel.closed() == 4404


class FakeNews:
    def __init__(self, fits: bool | None) -> None:
        self.job = type("Job", (), {"id": 1})()
        self._fits = fits

    def fits(self, wanted: JobFilter) -> bool | None:
        return self._fits

    def text(self, form: Form, event: Event) -> str:
        return event.value


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([(True, True), (True, False)], ["job-created"]),
        ([(True, True), (False, False)], ["job-update"]),
        ([(None, True)], []),
    ],
)
def test_what_was_not_sent_yet_is_merged(
    app: OpenAPI, admin: Actor, steps: list[tuple[bool | None, bool]], told: list[str]
) -> None:
    """Steps: whether the job matches, and whether its row may be missing."""
    mine = Watcher(admin, Form.ROW)
    for fits, created in steps:
        news = cast(News, FakeNews(fits))
        Parcel({mine}, [Told(news, Event.COMPLETED, created)]).hand_out(lambda: None)
    bundle = mine.take()
    assert (bundle.texts if bundle else []) == told
