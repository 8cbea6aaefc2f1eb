"""Runs of workflows on real servers, walked along by hand."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.errors import Conflict, Forbidden, InvalidInput
from jobsapp.models import Job, WorkflowStep
from jobsapp.processors.registry import load_registry
from jobsapp.runtime.workflows.engine import WorkflowEngine
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.limits import NewLimit
from jobsapp.services.new_schedules import NewSchedule
from jobsapp.workflows import step, workflow
from tests.workflow_walk import Walk, definition

CHAIN = {
    "first": {"input": {"text": "${{ input.text }}"}},
    "second": {"needs": ["first"], "input": {"text": "${{ steps.first.result.text }}, again"}},
}


def steps_of(services: Services, job: Job) -> list[WorkflowStep]:
    return services.jobs._session.query(WorkflowStep).filter_by(run_id=job.id).order_by(WorkflowStep.place).all()


def engine_of(walk: Walk) -> WorkflowEngine:
    return next(one for one in walk.advancer._followers if isinstance(one, WorkflowEngine))


def test_each_step_is_a_job_of_its_own_with_input_from_the_one_before(walk: Walk, services: Services) -> None:
    job = walk.start(CHAIN, {"text": "hi"})
    assert (job.status, job.result) == ("completed", {"second": {"text": "hi, again"}})
    assert (job.progress_current, job.progress_total) == (2, 2)
    found = [services.jobs.get(walk.actor, one.job_id) for one in steps_of(services, job)]
    assert [(one.type, one.status, one.user_id) for one in found] == [("echo", "completed", walk.actor.user_id)] * 2
    assert services.workflow_runs.of_step(walk.actor, found[0].id).run_id == job.id


def test_a_run_holds_no_worker_and_is_active_while_its_steps_wait(
    walk: Walk, services: Services, connection: psycopg.Connection[Any]
) -> None:
    job, _ = services.jobs.create(
        walk.actor, NewJob("workflow-execution", {"definition": {"steps": {"a": {"waitFor": {"seconds": 86400}}}}})
    )
    job = walk.on(job.id)
    assert (job.status, job.progress_message) == ("active", "a: waits for its time")
    view = services.views.job(job)
    assert (view.eta_seconds, view.rate) == (None, None)
    assert services.workers.all(walk.actor).workers == []
    row = connection.execute(
        "SELECT lease_until > now() + '1 year' FROM worker_leases WHERE worker = 'workflows'"
    ).fetchone()
    assert row == (True,)
    connection.execute("UPDATE workflow_steps SET wake_at = now()")
    connection.execute("UPDATE workflow_runs SET wake_at = now()")
    assert walk.on(job.id).status == "completed"


def test_a_failed_step_fails_the_run_and_its_reason_is_told(walk: Walk) -> None:
    job = walk.start({"a": {"type": "fail", "retry": {"attempts": 1}}, "b": {"needs": ["a"]}})
    assert job.status == "failed"
    assert job.error["message"] == "a: attempt 1 failed"
    assert walk.states(job.id) == {"a": "failed", "b": "pending"}


def test_a_step_whose_input_does_not_fit_fails_without_a_job(walk: Walk) -> None:
    job = walk.start({"a": {"input": {"text": "${{ input.list }}"}}}, {"list": [1]})
    assert job.status == "failed"
    assert job.error["message"].startswith("a: data.text:")


def test_cancelling_a_run_stops_its_steps_and_then_undoes(walk: Walk, services: Services) -> None:
    steps = {
        "a": {"compensate": {"type": "echo", "input": {"text": "undo ${{ steps.a.result.text }}"}}},
        "b": {"needs": ["a"], "type": "steps", "waits": 1},
    }
    steps["b"].pop("waits")
    services.queues.pause(walk.actor, "steps")
    job = walk.start(steps)
    assert walk.states(job.id) == {"a": "completed", "b": "running"}
    services.jobs.cancel(walk.actor, job.id, reason="enough")
    job = walk.on(job.id)
    assert (job.status, job.cancel_reason) == ("cancelled", "enough")
    assert walk.states(job.id) == {"a": "undone", "b": "cancelled"}
    undo = services.workflow_runs.steps(walk.actor, job.id).steps[0].undo
    assert services.jobs.get(walk.actor, undo.job_id).result == {"text": "undo hello"}


def test_an_approval_waits_for_a_person_with_the_role_and_gives_what_they_filled_in(
    walk: Walk, services: Services, member: Actor, viewer: Actor
) -> None:
    form = {"price": {"type": "number"}, "note": {"required": False}}
    steps = {
        "ask": {"waitFor": {"approval": {"title": "Good?", "role": "operator", "fields": form}}},
        "go": {"needs": ["ask"], "input": {"text": "for ${{ steps.ask.result.fields.price }}"}},
    }
    job = walk.start(steps)
    seen = services.workflow_runs.steps(walk.actor, job.id).steps[0]
    assert (seen.state, seen.answerable, seen.approval.title) == ("waiting", True, "Good?")
    assert seen.approval.form["required"] == ["price"]
    runs = services.workflow_runs
    for actor in (member, viewer):
        with pytest.raises(Forbidden):
            runs.answer(actor, job.id, "ask", approved=True, fields={"price": 3})
    with pytest.raises(InvalidInput, match=r"fields\.price: is missing"):
        runs.answer(walk.actor, job.id, "ask", approved=True, fields={})
    runs.answer(walk.actor, job.id, "ask", approved=True, fields={"price": 3})
    with pytest.raises(Conflict, match="answered a moment ago"):
        runs.answer(walk.actor, job.id, "ask", approved=False, fields={})
    assert walk.on(job.id).result == {"go": {"text": "for 3"}}


def test_a_rejection_fails_the_step_and_says_who_and_why(walk: Walk, services: Services) -> None:
    job = walk.start({"ask": {"waitFor": {"approval": {}}}})
    services.workflow_runs.answer(walk.actor, job.id, "ask", approved=False, fields={}, comment="too dear")
    assert walk.on(job.id).error["message"] == "ask: admin@localhost rejected it: too dear"


def test_an_event_may_come_before_a_step_waits_for_it(walk: Walk, services: Services) -> None:
    services.queues.pause(walk.actor, "echo")
    job = walk.start({"a": {}, "paid": {"needs": ["a"], "waitFor": {"event": "paid"}}})
    services.workflow_runs.signal(walk.actor, job.id, "paid", {"amount": 7})
    with pytest.raises(InvalidInput, match="no step waits for 'other'"):
        services.workflow_runs.signal(walk.actor, job.id, "other")
    services.queues.resume(walk.actor, "echo")
    assert walk.on(job.id).result == {"paid": {"amount": 7}}


def test_a_deadline_that_nobody_kept(walk: Walk, connection: psycopg.Connection[Any]) -> None:
    job = walk.start({"ask": {"waitFor": {"approval": {}, "deadlineSeconds": 3600}}})
    connection.execute("UPDATE workflow_steps SET wake_at = now()")
    connection.execute("UPDATE workflow_runs SET wake_at = now()")
    assert walk.on(job.id).error == {
        "type": "Deadline",
        "message": "ask: Nobody approved it within 3,600 s.",
        "traceback": None,
    }


def test_a_loop_makes_a_job_for_each_item(walk: Walk, services: Services) -> None:
    job = walk.start(
        {"a": {"forEach": "input.list", "width": 2, "input": {"text": "${{ item }}"}}}, {"list": ["x", "y", "z"]}
    )
    assert job.result == {"a": [{"text": "x"}, {"text": "y"}, {"text": "z"}]}
    assert len({one.job_id for one in services.workflow_runs.steps(walk.actor, job.id).steps[0].items}) == 3


def test_files_that_a_step_made_are_input_of_the_next_and_stay_while_the_run_goes_on(
    walk: Walk, services: Services, connection: psycopg.Connection[Any]
) -> None:
    steps = {
        "make": {"type": "make-file", "input": {"text": "from here"}},
        "use": {"type": "make-file", "needs": ["make"], "input": {"source": "${{ steps.make.artifacts[0].id }}"}},
    }
    job = walk.start(steps)
    assert job.status == "completed", job.error
    held = connection.execute("SELECT count(*) FROM job_inputs WHERE job_id = %s", [job.id]).fetchone()
    assert held == (2,)


def test_a_run_that_cannot_start_is_refused_with_the_path(services: Services, admin: Actor) -> None:
    definition = {"steps": {"a": {"type": "echo", "input": {"words": 1}}, "b": {"type": "no-such", "needs": ["b"]}}}
    with pytest.raises(InvalidInput) as caught:
        services.jobs.create(admin, NewJob("workflow-execution", {"definition": definition}))
    assert [one.field for one in caught.value.errors] == [
        "data.definition.steps.b.needs",
        "data.definition.steps.a.input.words",
        "data.definition.steps.b.type",
    ]
    with pytest.raises(InvalidInput, match=r"jobs\[1\]\.data\.definition\.steps\.b\.needs"):
        services.jobs.create_many(admin, [NewJob("echo", {}), NewJob("workflow-execution", {"definition": definition})])


def test_a_limit_of_the_organisation_does_not_count_a_run_that_waits_for_its_steps(
    walk: Walk, services: Services
) -> None:
    services.limits.set(walk.actor, "organization", "*", NewLimit(max_active=1))
    assert walk.start(CHAIN).status == "completed"


def test_each_save_is_a_version_and_a_run_keeps_its_own(walk: Walk, services: Services, stranger: Actor) -> None:
    source = "steps:\n  a:\n    type: echo\n    input: {text: one}\n"
    workflows = services.workflows
    assert workflows.save(walk.actor, "greet", source).version == 1
    assert workflows.save(walk.actor, "greet", source).version == 1
    assert workflows.save(walk.actor, "greet", source.replace("one", "two")).version == 2
    assert [one.version for one in workflows.versions(walk.actor, "greet")] == [2, 1]
    assert [(one.name, one.version) for one in workflows.all(walk.actor)] == [("greet", 2)]
    assert workflows.all(stranger) == []
    job = workflows.start(walk.actor, "greet", {})
    assert walk.on(job.id).result == {"a": {"text": "two"}}
    assert services.workflow_runs.steps(walk.actor, job.id).version == 2
    older, _ = services.jobs.create(walk.actor, NewJob("workflow-execution", {"workflow": "greet", "version": 1}))
    assert walk.on(older.id).result == {"a": {"text": "one"}}


def test_a_viewer_saves_nothing_and_a_fault_is_told_by_its_path(
    services: Services, viewer: Actor, admin: Actor
) -> None:
    with pytest.raises(Forbidden):
        services.workflows.save(viewer, "greet", "steps: {a: {type: echo}}")
    with pytest.raises(InvalidInput) as caught:
        services.workflows.save(admin, "greet", "steps: {a: {type: echo, input: {text: '${{ steps.b.result }}'}}}")
    assert [(one.field, one.message) for one in caught.value.errors] == [
        ("steps.a.input.text", "there is no step 'b'.")
    ]


def test_what_a_type_refuses_of_a_step_is_told_in_words_of_the_house(services: Services) -> None:
    step = {"type": "data-conversion", "input": {"targetFormat": "xls"}}
    faults = {one.field: one.message for one in services.workflows.check({"steps": {"a": step}}).faults}
    assert faults["steps.a.input.targetFormat"].startswith("must be one of csv, tsv,")
    assert faults["steps.a.input.source"] == "is missing."


def test_the_time_of_a_whole_run_is_bounded(walk: Walk, connection: psycopg.Connection[Any]) -> None:
    job = walk.start({"a": {"waitFor": {"event": "never"}}}, timeout_seconds=60)
    (until,) = connection.execute("SELECT wake_at - now() FROM workflow_runs").fetchone() or (None,)
    assert timedelta(seconds=50) < until <= timedelta(seconds=60)
    connection.execute("UPDATE jobs SET started_at = now() - interval '2 minutes' WHERE id = %s", [job.id])
    connection.execute("UPDATE workflow_runs SET wake_at = now()")
    assert walk.on(job.id).error["type"] == "Timeout"


def test_one_that_is_declared_in_code_is_there_for_everybody(
    walk: Walk, services: Services, stranger: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = workflow("greet", hello=step("echo", {"text": "from code"}))
    keeper = engine_of(walk)._registry
    for registry in (services.registry, keeper):
        monkeypatch.setitem(registry.workflows, "greet", declared)
    assert [(one.name, one.version) for one in services.workflows.all(stranger)] == [("greet", None)]
    job = services.workflows.start(walk.actor, "greet", {})
    assert walk.on(job.id).result == {"hello": {"text": "from code"}}
    with pytest.raises(InvalidInput, match="declared in code"):
        services.workflows.save(walk.actor, "greet", "steps: {a: {type: echo}}")


def test_a_module_of_the_users_declares_workflows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from jobsapp.workflows import step, workflow\ngreet = workflow('greet', hello=step('echo'))\n"
    (tmp_path / "our_workflows.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert list(load_registry(["our_workflows"]).workflows) == ["greet"]


def test_a_run_that_cannot_be_begun_fails_and_holds_up_nobody(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of(walk)
    begin = engine._new

    def new(job: Job) -> None:
        if job.data["input"]:
            raise RuntimeError("a fault of ours")
        begin(job)

    monkeypatch.setattr(engine, "_new", new)
    data = {"definition": definition(a={})}
    bad, _ = walk.services.jobs.create(walk.actor, NewJob("workflow-execution", {**data, "input": {"text": "x"}}))
    good, _ = walk.services.jobs.create(walk.actor, NewJob("workflow-execution", data))
    assert walk.on(good.id).status == "completed"
    assert walk.services.jobs.get(walk.actor, bad.id).error["type"] == "InternalError"


def test_a_schedule_starts_one(walk: Walk, services: Services) -> None:
    services.workflows.save(walk.actor, "greet", "steps: {a: {type: echo}}")
    nightly = NewSchedule("workflow-execution", {"workflow": "greet"}, "Every night", cron="30 2 * * *")
    services.schedules.run(walk.actor, services.schedules.create(walk.actor, nightly).id)
    (job_id,) = services.jobs.newest(walk.actor.organization_id, 1)
    assert walk.on(job_id).result == {"a": {"text": "hello"}}
