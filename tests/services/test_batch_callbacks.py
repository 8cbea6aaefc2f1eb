"""What follows a batch: made once, when its time has come, and holding up nothing."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.errors import InvalidInput
from jobsapp.runtime.advancer import Advancer
from jobsapp.services import Services
from jobsapp.services.batch_callbacks import Callback
from jobsapp.services.batches import NewBatch
from jobsapp.services.jobs import JobFilter, NewJob
from tests.services.batches import ALL, Drain, counts, drain_all, jobs, made, seen


def test_callbacks_are_made_once_when_their_time_has_come(
    services: Services, admin: Actor, advancer: Advancer, drain: Drain, connection: psycopg.Connection[Any]
) -> None:
    batch = NewBatch(callbacks=ALL)
    created = services.batches.create(admin, batch, [*jobs(2), NewJob("fail", {}, max_attempts=1)])
    drain_all(drain, "fail")
    advancer.advance()
    assert made(services, admin) == ["failure"], "with the first that fails"
    drain_all(drain, "echo")
    advancer.advance()
    assert made(services, admin) == ["complete", "failure"]
    assert seen(services, admin, created.id).status == "failed"

    # What failed succeeds when it is retried: the batch ends again, and only what was not made before follows.
    connection.execute("UPDATE jobs SET type = 'echo', queue = 'echo', data = '{}' WHERE type = 'fail'")
    services.batch_changes.retry(admin, created.id)
    view = seen(services, admin, created.id)
    assert (view.status, view.ended_at, counts(view)) == ("running", None, (1, 0, 2, 0, 0))
    advancer.advance()
    drain_all(drain, "echo")
    advancer.advance()
    assert made(services, admin) == ["complete", "failure", "success"]
    view = seen(services, admin, created.id)
    assert view.status == "completed"
    assert [(one.on, one.job_exists, one.error) for one in view.callbacks] == [
        (when, True, None) for when in ("complete", "success", "failure")
    ]


def test_a_callback_reads_the_id_of_its_batch_and_belongs_to_its_owner(
    services: Services, member: Actor, admin: Actor, advancer: Advancer, drain: Drain
) -> None:
    after = {"complete": Callback("make-file", {"text": "of $batchId"}, priority=5)}
    created = services.batches.create(member, NewBatch(callbacks=after), jobs(1))
    drain("echo")
    advancer.advance()
    job_id = seen(services, admin, created.id).callbacks[0].job_id
    assert job_id is not None
    job = services.jobs.get(admin, job_id)
    assert (job.data["text"], job.user_id, job.priority) == (f"of {created.id}", member.user_id, 5)


def test_a_callback_that_cannot_be_made_says_why_and_holds_up_nothing(
    services: Services, admin: Actor, member: Actor, advancer: Advancer, drain: Drain
) -> None:
    created = services.batches.create(member, NewBatch(callbacks={"complete": Callback("echo", {})}), jobs(1))
    services.members.remove(admin, member.user_id)
    drain("echo")
    assert advancer.advance() == 1
    view = seen(services, admin, created.id)
    assert view.callbacks[0].error == "Whose batch it is may not create jobs here any more."
    assert view.ended_at is not None


def test_a_faulty_callback_is_named_before_anything_is_created(services: Services, admin: Actor) -> None:
    with pytest.raises(InvalidInput, match=r"onSuccess\.data\.steps") as fault:
        services.batches.create(admin, NewBatch(callbacks={"success": Callback("steps", {"steps": 0})}), jobs(1))
    assert [one.field for one in fault.value.errors] == ["onSuccess.data.steps"]
    with pytest.raises(InvalidInput, match="onFailure"):
        services.batches.create(admin, NewBatch(callbacks={"failure": Callback("nothing", {})}), jobs(1))
    assert services.jobs.page(admin, JobFilter())[0] == []
    assert services.batch_views.page(admin) == ([], None)


def test_a_callback_that_cannot_be_made_holds_up_nothing(
    services: Services, admin: Actor, advancer: Advancer, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the type's own code raises when the job is named."""

    def broken(*given: object) -> str:
        raise RuntimeError("no name")

    after = {"complete": Callback("echo", {})}
    created = services.batches.create(admin, NewBatch(closed=True, callbacks=after), [NewJob("echo", {}, name="one")])
    drain("echo")
    monkeypatch.setattr("tests.sample_processors.Echo.default_name", broken)
    advancer.advance()
    batch = services.batch_views.get(admin, created.id)
    assert (batch.status, batch.ended_at is not None) == ("completed", True)
    assert [one.error for one in batch.callbacks] == ["It could not be created; the log of the keeper says why."]
