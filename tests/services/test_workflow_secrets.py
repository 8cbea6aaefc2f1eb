"""Secrets among the input of a workflow: for the steps that they are handed to, and for nobody else."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.masks import MASK
from jobsapp.core.workflows import check, read
from jobsapp.core.workflows.text import written
from jobsapp.errors import Forbidden, InvalidInput
from jobsapp.models import Job
from jobsapp.services import Services
from jobsapp.services.batch_callbacks import Callback
from jobsapp.services.batches import NewBatch
from jobsapp.services.jobs import NewJob
from jobsapp.services.new_schedules import NewSchedule
from jobsapp.services.presets import NewPreset
from jobsapp.store.outbox import WORKFLOWS_DUE
from tests.database import everything
from tests.workflow_walk import Walk

TOKEN, OTHER = "tok-en/Ü 12345", "an0ther-secret"
TYPE = "workflow-execution"
DEFINITION: dict[str, Any] = {
    "input": {"token": {"type": "secret"}, "spare": {"type": "secret", "required": False}, "who": {"default": "Ana"}},
    "steps": {
        "call": {
            "type": "gossip",
            "retry": {"attempts": 2, "firstSeconds": 0},
            "input": {
                "token": "${{ input.token }}",
                "tables": {"a.b": "${{input.token}}"},
                "spare": "${{ input.spare }}",
            },
        },
        "tell": {"type": "echo", "needs": ["call"], "input": {"text": "${{ input }} ${{ steps.call.result.said }}"}},
    },
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"processors": "tests.sample_processors,tests.secret_processors"})


def run(walk: Walk, definition: dict[str, Any] = DEFINITION, token: str = TOKEN) -> Job:
    data = {"definition": definition, "input": {"token": token}}
    return walk.services.jobs.create(walk.actor, NewJob(TYPE, data))[0]


def step_job(walk: Walk, job: Job, at: int = 0) -> Job:
    step = walk.services.workflow_runs.steps(walk.actor, job.id).steps[at]
    assert step.job_id is not None
    return walk.services.jobs.get(walk.actor, step.job_id)


def opened(walk: Walk, job: Job) -> dict[str, str]:
    return walk.services.secrets._sealer().open(job.id, job.data)


def test_a_step_gets_them_and_nothing_that_is_kept_has_them(
    walk: Walk, services: Services, connection: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    job = run(walk)
    assert services.views.job(job).data["secrets"] == {"token": MASK}
    assert "token" not in services.views.job(job).data["input"]
    job = walk.on(job.id)
    assert job.status == "completed", job.error
    told = step_job(walk, job)
    assert told.result == {"knows": 1, "said": [MASK, MASK], "before": True}, "it had its token, and told it all around"
    assert opened(walk, told) == {"/token": TOKEN, "/tables/a.b": TOKEN}
    view = services.workflow_runs.steps(walk.actor, job.id)
    assert view.input == {"token": MASK, "spare": None, "who": "Ana"}
    assert MASK in job.result["tell"]["text"]
    kept = everything(connection)
    assert "trying" in kept
    assert [one for one in (TOKEN, repr(TOKEN)[1:-1], "12345") if one in kept] == []
    assert "12345" not in caplog.text
    assert "12345" not in view.model_dump_json()


def test_what_is_told_of_a_step_that_cannot_be_made_has_none(
    walk: Walk, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = DEFINITION | {"steps": {"call": {"type": "gossip", "input": {"token": "${{ input.token }}"}}}}
    job = run(walk, definition)

    def refuse(*_: Any, **__: Any) -> None:
        raise InvalidInput.of("data.token", f"{TOKEN} is no key.")

    jobs = walk.advancer._clocks[WORKFLOWS_DUE]._engine._step_jobs._jobs  # type: ignore[attr-defined]
    monkeypatch.setattr(jobs, "add", refuse)
    assert walk.on(job.id).error["message"] == f"call: data.token: {MASK} is no key."
    assert "12345" not in everything(connection)


def test_going_on_keeps_them_or_takes_others_of_who_started_it(
    walk: Walk, services: Services, operator: Actor, connection: psycopg.Connection[Any]
) -> None:
    steps = DEFINITION["steps"] | {"call": {"type": "gossip", "input": {"token": "${{ input.token }}", "fail": True}}}
    job = walk.on(run(walk, DEFINITION | {"steps": steps}).id)
    assert job.error["message"] == f"call: {MASK} was refused"
    runs = services.workflow_runs
    with pytest.raises(Forbidden, match="Only who started"):
        runs.resume(operator, job.id, {"token": OTHER})
    services.jobs._session.rollback()
    runs.resume(walk.actor, job.id, {"token": MASK, "who": "Bo"})
    assert opened(walk, step_job(walk, walk.on(job.id))) == {"/token": TOKEN}
    runs.resume(walk.actor, job.id, {"token": OTHER})
    job = walk.on(job.id)
    assert opened(walk, step_job(walk, job)) == {"/token": OTHER}
    assert (runs.steps(walk.actor, job.id).input["who"], opened(walk, job)) == ("Bo", {"/secrets/token": OTHER})
    kept = everything(connection)
    assert "12345" not in kept
    assert OTHER not in kept


def test_one_that_is_taken_away_is_handed_on_no_more(walk: Walk, services: Services) -> None:
    call = {"type": "gossip", "input": {"token": "${{ input.token }}", "spare": "${{ input.spare }}", "fail": True}}
    data = {"definition": DEFINITION | {"steps": {"call": call}}, "input": {"token": TOKEN, "spare": OTHER}}
    job = walk.on(services.jobs.create(walk.actor, NewJob(TYPE, data))[0].id)
    assert opened(walk, step_job(walk, job))["/spare"] == OTHER
    services.workflow_runs.resume(walk.actor, job.id, {"spare": None})
    assert "/spare" not in opened(walk, step_job(walk, walk.on(job.id)))


def test_a_schedule_keeps_them_sealed(walk: Walk, services: Services, connection: psycopg.Connection[Any]) -> None:
    data = {"definition": DEFINITION, "input": {"token": TOKEN}}
    made = services.schedules.create(walk.actor, NewSchedule(TYPE, data, "Every night", cron="30 2 * * *"))
    assert made.data["secrets"] == {"token": MASK}
    services.schedules.run(walk.actor, made.id)
    (job_id,) = services.jobs.newest(walk.actor.organization_id, 1)
    job = walk.on(job_id)
    assert (job.status, opened(walk, step_job(walk, job))["/token"]) == ("completed", TOKEN)
    assert "12345" not in everything(connection)
    with pytest.raises(InvalidInput, match=r"data\.input\.token: is missing"):
        services.schedules.create(walk.actor, NewSchedule(TYPE, {"definition": DEFINITION}, "x", cron="30 2 * * *"))


def test_many_at_once_are_sealed_too(walk: Walk, services: Services, connection: psycopg.Connection[Any]) -> None:
    data = {"definition": DEFINITION, "input": {"token": TOKEN}}
    (job_id,), _ = services.jobs.create_many(walk.actor, [NewJob(TYPE, data)], idempotency_key="once")
    assert "12345" not in everything(connection)
    assert walk.on(job_id).status == "completed"


def test_neither_a_preset_nor_a_job_that_follows_a_batch_keeps_one(
    services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    services.workflows.save(admin, "call", written(DEFINITION))
    for said in ({"workflow": "call"}, {"definition": DEFINITION}):
        data = {**said, "input": {"token": TOKEN, "who": "Bo"}}
        kept = services.presets.save(admin, TYPE, NewPreset("one", data))
        assert kept.data["input"] == {"who": "Bo"}
        with pytest.raises(InvalidInput, match=r"onComplete\.data: may hold no secret"):
            services.batches.create(admin, NewBatch(callbacks={"complete": Callback(TYPE, data)}))
        services.jobs._session.rollback()
    services.workflows.save(admin, "call", "steps: {tell: {type: echo, input: {text: hello}}}")
    old = {"workflow": "call", "version": 1, "input": {"token": TOKEN}}
    assert services.presets.save(admin, TYPE, NewPreset("of an old version", old)).data["input"] == {}
    assert "12345" not in everything(connection)


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        ({"input": {"token": "********"}}, "data.input.token", "what is shown in the place of a secret"),
        ({"input": {"token": 7}}, "data.input.token", "must be a text"),
        ({"input": {"token": ""}}, "data.input.token", "is missing"),
        ({"input": {"token": "x"}, "secrets": {"who": "y"}}, "data.secrets.who", "no secret of that name"),
    ],
)
def test_what_is_no_secret_is_told(services: Services, admin: Actor, data: Any, field: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.jobs.create(admin, NewJob(TYPE, {"definition": DEFINITION, **data}))
    assert message in {one.field: one.message for one in caught.value.errors}[field]


@pytest.mark.parametrize(
    ("step", "path"),
    [
        ({"type": "echo", "input": {"text": "${{ input.token }}"}}, "input.text"),
        ({"type": "echo", "input": {"text": "x ${{ input.token }}"}}, "input.text"),
        ({"type": "echo", "when": "input.token"}, "when"),
        ({"type": "echo", "forEach": "input.token"}, "forEach"),
        ({"type": "gossip", "input": {"token": "x ${{ input.token }}"}}, "input.token"),
        ({"type": "gossip", "input": {"token": "${{ input.who }}"}}, "input.token"),
        ({"type": "gossip", "input": {"token": "${{ input.token }}", "fail": "${{ input.token }}"}}, "input.fail"),
        ({"type": "gossip", "input": {"token": "${{ input.token }}", "logins": [{"user": "${{ input.token }}"}]}},
         "input.logins.0.user"),
        ({"type": "gossip", "input": {"token": "${{ input.token }}", "logins": [{"password": "abc"}]}},
         "input.logins.0.password"),
        ({"waitFor": {"approval": {"fields": {"pin": {"type": "secret"}}}}}, "waitFor.approval.fields.pin.type"),
    ],
)  # fmt: skip
def test_they_are_handed_on_whole_and_to_secret_fields_alone(
    services: Services, admin: Actor, step: dict[str, Any], path: str
) -> None:
    definition = {"input": DEFINITION["input"], "steps": {"a": step}}
    with pytest.raises(InvalidInput) as caught:
        services.jobs.create(admin, NewJob(TYPE, {"definition": definition, "input": {"token": TOKEN}}))
    assert f"data.definition.steps.a.{path}" in [one.field for one in caught.value.errors]
    assert "12345" not in str(caught.value)


def test_a_secret_has_no_default() -> None:
    definition = read({"input": {"token": {"type": "secret", "default": "abc"}}, "steps": {"a": {"type": "x"}}})
    assert [one.field for one in check(definition, lambda *_: [])] == ["input.token.default"]
