"""A workflow that is deleted: by whom, when not, and what stays."""

from __future__ import annotations

import pytest

from jobsapp.core.actors import Actor
from jobsapp.errors import Conflict, Forbidden, InvalidInput, NotFound
from jobsapp.services import Services
from jobsapp.services.audit import AuditFilter
from jobsapp.services.new_schedules import NewSchedule
from jobsapp.workflows import step, workflow
from tests.workflow_walk import Walk

ONE = "steps: {a: {type: echo, input: {text: one}}}"
TWO = ONE.replace("one", "two")
WAITS = "steps: {ask: {waitFor: {approval: {}}}}"


def test_it_goes_with_all_versions_and_its_runs_stay(walk: Walk, services: Services) -> None:
    workflows, actor = services.workflows, walk.actor
    workflows.save(actor, "greet", ONE)
    done = walk.on(workflows.start(actor, "greet", {}).id)
    workflows.save(actor, "greet", WAITS)
    goes = walk.on(workflows.start(actor, "greet", {}).id)
    workflows.delete(actor, "greet")
    assert workflows.all(actor) == []
    for version in (None, 1, 2):
        with pytest.raises(NotFound):
            workflows.get(actor, "greet", version)
    with pytest.raises(NotFound):
        workflows.versions(actor, "greet")
    with pytest.raises(NotFound):
        workflows.start(actor, "greet", {})
    with pytest.raises(NotFound):
        workflows.delete(actor, "greet")
    services.jobs._session.rollback()
    assert services.workflow_runs.steps(actor, done.id).version == 1
    assert not workflows.has(actor, "greet", 1)
    services.workflow_runs.answer(actor, goes.id, "ask", approved=True, fields={})
    assert walk.on(goes.id).status == "completed"
    page, _ = services.audit.page(actor, AuditFilter())
    assert "deleted the workflow greet with all its versions" in [one.text for one in page]


def test_a_later_one_of_that_name_is_no_version_that_there_was(services: Services, admin: Actor) -> None:
    workflows = services.workflows
    for source in (ONE, TWO):
        workflows.save(admin, "greet", source)
    workflows.delete(admin, "greet")
    assert workflows.save(admin, "greet", TWO).version == 3
    assert [one.version for one in workflows.versions(admin, "greet")] == [3]
    workflows.delete(admin, "greet")
    assert workflows.save(admin, "greet", ONE).version == 4


def test_a_version_that_there_cannot_be_is_told(services: Services, admin: Actor) -> None:
    services.workflows.save(admin, "greet", ONE)
    for version in (0, 2, 2**31, 10**400):
        with pytest.raises(NotFound, match="There is no version"):
            services.workflows.get(admin, "greet", version)


def test_not_while_a_schedule_starts_it(services: Services, admin: Actor, stranger: Actor) -> None:
    workflows, schedules = services.workflows, services.schedules
    for actor in (admin, stranger):
        workflows.save(actor, "greet", ONE)
    nightly = NewSchedule("workflow-execution", {"workflow": "greet"}, "Every night", cron="30 2 * * *")
    made = schedules.create(admin, nightly)
    schedules.pause(admin, made.id)
    with pytest.raises(Conflict, match="The schedule Every night starts it"):
        workflows.delete(admin, "greet")
    services.jobs._session.rollback()
    workflows.delete(stranger, "greet")
    schedules.delete(admin, made.id)
    workflows.delete(admin, "greet")
    with pytest.raises(InvalidInput, match=r"data\.workflow: There is no workflow 'greet'"):
        schedules.create(admin, nightly)


def test_a_run_that_had_not_begun_fails_and_says_why(walk: Walk, services: Services) -> None:
    services.workflows.save(walk.actor, "greet", ONE)
    job = services.workflows.start(walk.actor, "greet", {})
    services.workflows.delete(walk.actor, "greet")
    job = walk.on(job.id)
    assert (job.status, job.error["message"]) == ("failed", "There is no workflow 'greet'.")
    services.workflows.save(walk.actor, "greet", ONE)
    services.jobs.retry(walk.actor, job.id)
    assert walk.on(job.id).status == "completed"


def test_by_who_saved_it_and_by_operators(
    services: Services, admin: Actor, operator: Actor, member: Actor, viewer: Actor, stranger: Actor
) -> None:
    workflows = services.workflows
    workflows.save(admin, "nightly", ONE)
    workflows.save(member, "own", ONE)
    for actor, name in ((member, "nightly"), (viewer, "own")):
        assert not workflows.get(actor, name).changeable
        with pytest.raises(Forbidden, match="delete workflows of others"):
            workflows.delete(actor, name)
        services.jobs._session.rollback()
    with pytest.raises(NotFound):
        workflows.delete(stranger, "own")
    assert workflows.get(member, "own").changeable
    workflows.delete(member, "own")
    workflows.delete(operator, "nightly")


def test_one_that_is_declared_in_code_stays(services: Services, admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(services.registry.workflows, "greet", workflow("greet", hello=step("echo")))
    with pytest.raises(Conflict, match="take it away there"):
        services.workflows.delete(admin, "greet")
