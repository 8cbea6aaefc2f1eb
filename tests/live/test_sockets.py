"""What clients of the sockets are told, on a real server."""

from __future__ import annotations

import pytest

from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.events import Event, JobChanged
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.live import hub
from tests.live.conftest import Hand, Site, changed, create

COMPLETED = Transition(Status.COMPLETED, "completed", result={"text": "done"})
FAILED = Transition(Status.FAILED, "failed", failure=Failure("ValueError", "broke", "Traceback: secret"))


def test_a_subscriber_gets_the_present_state_and_what_follows(
    site: Site, member: Actor, hand: Hand, hints: Hints
) -> None:
    job = create(site, member)
    page = site.open(member)
    page.nothing()
    page.say("subscribe-job", job.id)
    first = page.event()
    assert (first["event"], first["revision"], first["job"]["status"]) == ("job-created", 1, "pending")
    claimed = hand.claim()
    hand.pulse(claimed, 1, 4, "One of four")
    changed(hints, job)
    update = page.event()
    assert (update["event"], update["revision"]) == ("job-update", 3)
    assert update["job"]["progress"] == {"current": 1, "total": 4, "percentage": 25.0, "message": "One of four"}
    hand.finish(claimed, COMPLETED)
    changed(hints, job, Event.COMPLETED)
    last = page.event()
    assert (last["event"], last["job"]["result"]) == ("job-completed", {"text": "done"})
    assert last["revision"] == last["job"]["revision"] == 4


@pytest.mark.parametrize(
    ("transition", "event"),
    [
        (COMPLETED, "job-completed"),
        (FAILED, "job-failed"),
        (Transition(Status.CANCELLED, "cancelled"), "job-cancelled"),
    ],
)
def test_a_finished_job_answers_with_its_final_state(
    site: Site, admin: Actor, hand: Hand, transition: Transition, event: str
) -> None:
    job = create(site, admin)
    hand.finish(hand.claim(), transition)
    page = site.open(admin)
    page.say("subscribe-job", job.id, key="job_id")
    told = page.event()
    assert told["event"] == event
    assert "secret" not in str(told)


def test_a_repeated_hint_brings_no_repeated_event(site: Site, member: Actor, hand: Hand, hints: Hints) -> None:
    job = create(site, member)
    page = site.open(member)
    page.say("subscribe-job", job.id)
    page.event()
    for _ in range(3):
        changed(hints, job)
    page.nothing()
    hand.finish(hand.claim(), COMPLETED)
    changed(hints, job)
    changed(hints, job)
    assert page.event()["event"] == "job-completed"
    page.nothing()


def test_reconnecting_brings_the_present_state_again(site: Site, member: Actor, hand: Hand) -> None:
    job = create(site, member)
    page = site.open(member)
    page.say("subscribe-job", job.id)
    page.event()
    page.client.close()
    hand.finish(hand.claim(), COMPLETED)
    page = site.open(member)
    page.say("subscribe-job", job.id)
    assert page.event()["event"] == "job-completed"


def test_unsubscribing_ends_the_events(site: Site, member: Actor, hand: Hand, hints: Hints) -> None:
    job, other = create(site, member), create(site, member, "steps")
    page = site.open(member)
    page.say("subscribe-job", job.id)
    page.event()
    page.say("unsubscribe-job", job.id)
    page.say("subscribe-job", other.id)
    assert page.event()["job"]["id"] == str(other.id)
    hand.claim("echo")
    changed(hints, job)
    page.nothing()


def test_all_jobs_of_the_organisation_on_wish(
    site: Site, member: Actor, admin: Actor, stranger: Actor, hand: Hand, hints: Hints
) -> None:
    old = create(site, admin)
    foreign = create(site, stranger, "steps")
    page = site.open(member, "/ws/jobs?jobs=all")
    assert page.event()["job"]["id"] == str(old.id)
    new = create(site, admin, "fail")
    told = page.event()
    assert (told["event"], told["job"]["id"]) == ("job-created", str(new.id))
    hand.claim("steps")
    changed(hints, foreign)
    page.nothing()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no json", "invalid-input"),
        ("[]", "invalid-input"),
        ('{"action": "delete-job", "jobId": "0198b7a2-6f3c-7c11-9b2e-3f0a5d6c7e88"}', "invalid-input"),
        ('{"action": "subscribe-job"}', "invalid-input"),
        ('{"action": "subscribe-job", "jobId": "x"}', "invalid-input"),
        (b"\x00\x01", "invalid-input"),
        ('{"action": "subscribe-job", "jobId": "0198b7a2-6f3c-7c11-9b2e-3f0a5d6c7e88"}', "not-found"),
    ],
)
def test_a_wrong_message_is_answered_and_the_socket_stays(
    site: Site, member: Actor, message: str | bytes, code: str
) -> None:
    page = site.open(member)
    page.client.send(message)
    told = page.event()
    assert (told["event"], told["code"]) == ("error", code)
    assert told["message"]
    job = create(site, member)
    page.say("subscribe-job", job.id)
    assert page.event()["job"]["id"] == str(job.id)


def test_another_organisations_job_does_not_exist(
    site: Site, member: Actor, stranger: Actor, hand: Hand, hints: Hints
) -> None:
    job = create(site, member)
    page = site.open(stranger)
    page.say("subscribe-job", job.id)
    told = page.event()
    assert (told["event"], told["code"], told["jobId"]) == ("error", "not-found", str(job.id))
    hand.claim()
    changed(hints, job)
    page.nothing()
    assert site.open(stranger, f"/live/jobs/{job.id}").closed() == 4404


def test_two_organisations_never_hear_of_each_other(
    site: Site, member: Actor, stranger: Actor, hand: Hand, hints: Hints
) -> None:
    paths = ("/ws/jobs?jobs=all", "/live/jobs")
    jobs = {member: create(site, member), stranger: create(site, stranger)}
    pages = {actor: [site.open(actor, path) for path in paths] for actor in jobs}
    claimed = [hand.claim(), hand.claim()]
    for one in claimed:
        hand.pulse(one, 1, 2)
    for job in jobs.values():
        changed(hints, job)
    for one in claimed:
        hand.finish(one, COMPLETED)
    for job in jobs.values():
        changed(hints, job, Event.COMPLETED)
    for actor, job in jobs.items():
        (foreign,) = [other for other in jobs.values() if other is not job]
        for page in pages[actor]:
            texts = [page.text()]
            while "completed" not in texts[-1]:
                texts.append(page.text())
            assert str(job.id) in texts[-1]
            # A state may be told twice to who came while the hub was at work; of the others' there is nothing.
            texts.append(str(page.client.receive(timeout=0.3)))
            assert str(foreign.id) not in "".join(texts)


def test_only_progress_waits_to_be_merged(
    site: Site, member: Actor, hand: Hand, hints: Hints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "MERGE_SECONDS", 3600.0)
    job = create(site, member)
    page = site.open(member)
    page.say("subscribe-job", job.id)
    page.event()
    claimed = hand.claim()
    hand.pulse(claimed, 1, 2)
    changed(hints, job)
    page.nothing()
    hand.finish(claimed, COMPLETED)
    changed(hints, job, Event.COMPLETED)
    assert page.event()["event"] == "job-completed"


def test_pages_get_the_fragments_they_are_made_of(site: Site, member: Actor, hand: Hand, hints: Hints) -> None:
    job = create(site, member)
    rows, panel = site.open(member, "/live/jobs"), site.open(member, f"/live/jobs/{job.id}")
    for page in (rows, panel):
        assert str(job.id) in page.text()
    hand.finish(hand.claim(), COMPLETED)
    changed(hints, job, Event.COMPLETED)
    for page in (rows, panel):
        text = page.text()
        assert text.lstrip().startswith("<")
        assert "completed" in text.lower()


def test_a_tray_has_several_jobs_on_one_socket(
    site: Site, member: Actor, stranger: Actor, hand: Hand, hints: Hints
) -> None:
    first, second, foreign = create(site, member), create(site, member, "steps"), create(site, stranger, "fail")
    ids = f"{first.id},{foreign.id},nonsense,01a215af-5b64-71e7-a118-c4d946e6fd81,{second.id}"
    page = site.open(member, f"/live/tray?jobs={ids}")
    text = page.text()
    while text.count("<hx-partial") < 2:
        text += page.text()
    assert f'hx-target="#tray-{first.id}"' in text
    assert f'hx-target="#tray-{second.id}"' in text
    hand.claim("fail")
    changed(hints, foreign)
    page.nothing()
    hand.finish(hand.claim(), COMPLETED)
    changed(hints, first, Event.COMPLETED)
    text = page.text()
    assert f'id="tray-{first.id}"' in text
    assert "Completed" in text


def test_the_last_event_survives_merging(site: Site, member: Actor, hand: Hand, hints: Hints) -> None:
    job = create(site, member)
    page = site.open(member)
    page.say("subscribe-job", job.id)
    page.event()
    claimed = hand.claim()
    for step in range(200):
        hand.pulse(claimed, step, 200)
        changed(hints, job)
    hand.finish(claimed, COMPLETED)
    changed(hints, job, Event.COMPLETED)
    revisions: list[int] = []
    page.until(lambda told: revisions.append(told["revision"]) or told["event"] == "job-completed")  # type: ignore[func-returns-value]
    assert revisions == sorted(set(revisions))
    assert revisions[-1] == 203


def test_events_missed_while_redis_was_away_are_fetched(site: Site, member: Actor, hand: Hand) -> None:
    job = create(site, member)
    page = site.open(member)
    page.say("subscribe-job", job.id)
    page.event()
    hand.finish(hand.claim(), COMPLETED)
    page.nothing()
    site.hub._missed()
    assert page.event()["event"] == "job-completed"


def test_without_redis_pages_stay_live(cold_site: Site, member: Actor, hand: Hand) -> None:
    site = cold_site
    job = create(site, member)
    site.hub._settings = site.hub._settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"})
    page, everything = site.open(member), site.open(member, "/ws/jobs?jobs=all")
    page.say("subscribe-job", job.id)
    for one in (page, everything):
        assert one.event()["event"] == "job-created"
    hand.finish(hand.claim(), COMPLETED)
    # Whoever came second may have heard of its creation twice.
    for one in (page, everything):
        one.until(lambda event: event["event"] == "job-completed")


def test_a_job_that_cannot_be_read_stops_nobody(
    site: Site, admin: Actor, stranger: Actor, hand: Hand, hints: Hints
) -> None:
    theirs, ours = site.open(stranger), site.open(admin)
    poison = create(site, stranger)
    changes = [JobChanged(poison.id, poison.organization_id, Event.UPDATE, 0)]
    for _ in range(5):
        job = create(site, admin)
        changes.append(JobChanged(job.id, job.organization_id, Event.UPDATE, 0))
    # A time that PostgreSQL keeps and Python cannot read.
    hand.connection.execute("UPDATE jobs SET run_at = '10000-01-02' WHERE id = %s", [changes[0].job_id])
    theirs.say("subscribe-job", changes[0].job_id)
    for change in changes:
        ours.say("subscribe-job", change.job_id)
    assert hints.publish(changes)
    told = {ours.event()["job"]["id"] for _ in changes[1:]}
    assert told == {str(change.job_id) for change in changes[1:]}


def test_a_page_hears_that_its_user_has_something_to_be_told(
    site: Site, member: Actor, admin: Actor, hints: Hints
) -> None:
    job = create(site, member)
    own, others, program = (
        site.open(member, f"/live/jobs/{job.id}"),
        site.open(admin, f"/live/jobs/{job.id}"),
        site.open(member),
    )
    assert str(job.id) in own.text()
    assert str(job.id) in others.text()
    hints.noticed(member.user_id)
    assert 'hx-target="#notices"' in own.text()
    others.nothing()
    program.nothing()
