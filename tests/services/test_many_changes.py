"""Many jobs changed at once: what is said before is what is done, and nothing of others is touched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask_openapi3 import OpenAPI

from jobsapp.core.actors import Actor
from jobsapp.core.filters import JobFilter
from jobsapp.core.ids import new_id
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.errors import Conflict, Forbidden, InvalidInput, NotFound
from jobsapp.extensions import db
from jobsapp.models import Job
from jobsapp.services import Services, many_changes
from jobsapp.services.jobs import NewJob
from jobsapp.services.many_changes import Chosen
from jobsapp.store import turns
from jobsapp.store.jobs import cancel_jobs
from tests.services.documents import upload

DONE = Transition(Status.COMPLETED, "completed", result={})
FAILED = Transition(Status.FAILED, "failed", failure=Failure("ValueError", "broke", None))


class Stage:
    def __init__(self, services: Services, actor: Actor, connection: psycopg.Connection[Any]) -> None:
        self.services, self.actor, self.connection = services, actor, connection

    def pending(self, actor: Actor | None = None) -> UUID:
        return self.services.jobs.create(actor or self.actor, NewJob("echo", {}))[0].id

    def active(self) -> UUID:
        made = self.pending()
        (job,) = turns.claim_jobs(self.connection, "echo", worker="w", lease_seconds=60)
        assert job.id == made
        return made

    def ended(self, transition: Transition) -> UUID:
        job_id = self.active()
        assert turns.finish_job(self.connection, job_id, 1, transition)
        return job_id

    def status(self, job_id: UUID) -> str | None:
        row = self.connection.execute("SELECT status FROM jobs WHERE id = %s", [job_id]).fetchone()
        return row[0] if row else None

    def queued(self) -> int:
        row = self.connection.execute("SELECT count(*) FROM job_queue").fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def stage(services: Services, admin: Actor, connection: psycopg.Connection[Any]) -> Stage:
    return Stage(services, admin, connection)


def test_cancel_says_and_does_the_same(stage: Stage, services: Services, admin: Actor, stranger: Actor) -> None:
    completed, active, stopping = stage.ended(DONE), stage.active(), stage.active()
    services.jobs.cancel(admin, stopping)
    pending = [stage.pending() for _ in range(3)]
    foreign = stage.pending(stranger)
    chosen = Chosen((completed, active, stopping, *pending, foreign, new_id(), completed))
    told = services.many.outlook(admin, "cancel", chosen)
    assert (told.chosen, told.applicable, told.missing, told.changed) == (6, 4, 2, 0)
    assert told.others == {"completed": 1, "stopping": 1}
    done = services.many.apply(admin, "cancel", chosen, reason="not needed")
    assert (done.dry_run, done.changed, done.applicable, done.left) == (False, 4, 4, 0)
    assert [stage.status(job_id) for job_id in pending] == ["cancelled"] * 3
    assert (stage.status(active), stage.status(completed), stage.status(foreign)) == ("active", "completed", "pending")
    assert services.jobs.get(admin, active).cancel_reason == "not needed"
    assert services.jobs.get(admin, active).cancelled_by == admin.user_id
    assert stage.queued() == 1
    assert services.many.apply(admin, "cancel", chosen).changed == 0


def test_retry_puts_back_with_a_fresh_allowance(stage: Stage, services: Services, admin: Actor) -> None:
    failed, completed, cancelled = stage.ended(FAILED), stage.ended(DONE), stage.pending()
    services.jobs.cancel(admin, cancelled)
    done = services.many.apply(admin, "retry", Chosen((failed, completed, cancelled)))
    assert (done.changed, done.others) == (2, {"completed": 1})
    assert (stage.status(failed), stage.status(cancelled), stage.queued()) == ("pending", "pending", 2)
    again = services.jobs.get(admin, failed)
    assert (again.attempts, again.max_attempts, again.failed_at) == (1, 1 + again.allowance, None)


def test_delete_takes_finished_jobs_with_their_files(stage: Stage, services: Services, admin: Actor) -> None:
    source = upload(services, admin, "people.csv", "a,b\n1,2\n")
    data = {"source": str(source), "targetFormat": "jsonl"}
    read = services.jobs.create(admin, NewJob("data-conversion", data))[0].id
    services.jobs.cancel(admin, read)
    waits = stage.pending()
    told = services.many.outlook(admin, "delete", Chosen((read, waits)))
    assert (told.applicable, told.others) == (1, {"pending": 1})
    assert services.many.apply(admin, "delete", Chosen((read, waits))).changed == 1
    assert (stage.status(read), stage.status(waits)) == (None, "pending")
    assert not services.files._storage.path(source).exists()


def test_a_file_that_an_unfinished_job_reads_keeps_its_job(stage: Stage, services: Services, admin: Actor) -> None:
    made, reader = stage.ended(DONE), stage.pending()
    file_id = new_id()
    stage.connection.execute(
        """INSERT INTO files (id, organization_id, job_id, attempt, name, size, media_type, sha256)
           VALUES (%s, %s, %s, 1, 'a', 1, 'text/plain', '')""",
        [file_id, admin.organization_id, made],
    )
    stage.connection.execute("INSERT INTO job_inputs (job_id, file_id) VALUES (%s, %s)", [reader, file_id])
    done = services.many.apply(admin, "delete", Chosen((made,)))
    assert (done.applicable, done.changed, stage.status(made)) == (1, 0, "completed")
    with pytest.raises(Conflict, match="unfinished job reads"):
        services.many.delete(admin, made)
    services.jobs.cancel(admin, reader)
    services.many.delete(admin, made)
    assert stage.status(made) is None


def test_one_job_is_deleted_by_an_administrator_once_it_has_finished(
    stage: Stage, services: Services, admin: Actor, member: Actor, stranger: Actor
) -> None:
    job_id = stage.pending()
    with pytest.raises(Conflict, match="only a finished job"):
        services.many.delete(admin, job_id)
    services.jobs.cancel(admin, job_id)
    with pytest.raises(Forbidden):
        services.many.delete(member, job_id)
    with pytest.raises(NotFound):
        services.many.delete(stranger, job_id)
    services.many.delete(admin, job_id)
    assert stage.status(job_id) is None


def test_members_change_but_do_not_delete(stage: Stage, services: Services, member: Actor) -> None:
    job_id = stage.pending()
    for look in (services.many.outlook, services.many.apply):
        with pytest.raises(Forbidden, match="role admin"):
            look(member, "delete", Chosen((job_id,)))
    assert services.many.apply(member, "cancel", Chosen((job_id,))).changed == 1


def test_everything_that_matches_and_what_is_left(
    stage: Stage, services: Services, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many_changes, "MOST", 4)
    monkeypatch.setattr(many_changes, "BATCH", 3)
    old = [stage.pending() for _ in range(6)]
    services.jobs.cancel(admin, old[0])
    everything = Chosen(wanted=JobFilter(type="echo"))
    told = services.many.outlook(admin, "cancel", everything)
    assert (told.chosen, told.chosen_is_more, told.applicable, told.applicable_is_more) == (4, True, 4, True)
    done = services.many.apply(admin, "cancel", everything)
    assert (done.changed, done.left) == (4, 1)
    done = services.many.apply(admin, "cancel", everything)
    assert (done.changed, done.left, done.applicable_is_more) == (1, 0, False)
    assert services.many.apply(admin, "cancel", Chosen(wanted=JobFilter(type="steps"))).chosen == 0
    assert {stage.status(job_id) for job_id in old} == {"cancelled"}


def test_ids_are_needed_and_bounded(services: Services, admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_changes, "MOST", 2)
    for ids in ((), (new_id(), new_id(), new_id())):
        with pytest.raises(InvalidInput) as fault:
            services.many.apply(admin, "cancel", Chosen(ids))
        assert fault.value.errors[0].field == "ids"


@contextmanager
def holding(url: str, statement: str, job_id: UUID) -> Iterator[psycopg.Connection[Any]]:
    """Somebody else who is in the middle of writing the job."""
    with psycopg.connect(url) as other:
        other.execute(statement, [job_id])  # type: ignore[arg-type]
        yield other


def test_nobody_waits_for_a_batch_and_what_is_busy_comes_last(
    app: OpenAPI, stage: Stage, services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    """A worker is writing one of the jobs: the others are cancelled before it lets go, then that one is, too."""
    busy, free = stage.active(), stage.pending()
    url = services.settings.database_url
    with holding(url, "UPDATE jobs SET progress_message = 'half' WHERE id = %s", busy) as other:
        results: list[Any] = []

        def cancel() -> None:
            with app.app_context():
                results.append(services.many.apply(admin, "cancel", Chosen((free, busy))))
                db.session.remove()

        thread = threading.Thread(target=cancel)
        thread.start()
        waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%cancel_requested_at%%'"
        while not connection.execute(waits).fetchone():
            assert thread.is_alive()
        assert stage.status(free) == "cancelled"
        other.commit()
        thread.join(30)
    (done,) = results
    assert done.changed == 2
    job = db.session.get(Job, busy)
    assert job is not None
    assert job.cancel_requested_at is not None


def test_a_job_that_a_worker_is_claiming_is_left_to_it(stage: Stage, services: Services, admin: Actor) -> None:
    claimed = stage.pending()
    url = services.settings.database_url
    whose = {"organization_id": admin.organization_id, "user_id": admin.user_id, "reason": None}
    with holding(url, "SELECT FROM job_queue WHERE job_id = %s FOR UPDATE", claimed):
        with psycopg.connect(url) as connection:
            assert cancel_jobs(connection, [claimed], **whose) == []  # type: ignore[arg-type]
        assert stage.status(claimed) == "pending"
    with psycopg.connect(url) as connection:
        assert len(cancel_jobs(connection, [claimed], **whose)) == 1  # type: ignore[arg-type]
    assert (stage.status(claimed), stage.queued()) == ("cancelled", 0)
