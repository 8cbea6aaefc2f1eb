"""What a run of a workflow is called, and what the error of one says failed."""

from __future__ import annotations

from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.workflow_walk import Walk, definition

NAMED = """
name: Orders of ${{ input.day }}
title: Orders for the shop
input: {day: {type: text}, list: {type: list, default: [0]}}
steps:
  a: {type: steps, title: Count them, input: {steps: "${{ input.list[0] }}"}}
"""


def test_runs_are_told_apart_by_what_they_are_given(walk: Walk, services: Services) -> None:
    services.workflows.save(walk.actor, "orders", NAMED)
    start = services.workflows.start
    assert start(walk.actor, "orders", {"day": "Monday\n the 1st"}).name == "Orders of Monday the 1st"
    assert start(walk.actor, "orders", {"day": "x"}, name="The urgent ones").name == "The urgent ones"
    assert len(start(walk.actor, "orders", {"day": "x" * 500}).name) == 200
    given = {"input": {"day": {}}, "steps": {"a": {"type": "echo"}}, "name": "${{ input.day }}"}
    job, _ = services.jobs.create(
        walk.actor, NewJob("workflow-execution", {"definition": given, "input": {"day": "7"}})
    )
    assert job.name == "7"
    both = [NewJob("workflow-execution", {"workflow": "orders", "input": {"day": day}}) for day in ("1", "2")]
    ids, _ = services.jobs.create_many(walk.actor, both)
    assert [services.jobs.get(walk.actor, one).name for one in ids] == ["Orders of 1", "Orders of 2"]


def test_without_a_template_a_run_is_called_as_its_workflow(walk: Walk, services: Services) -> None:
    services.workflows.save(walk.actor, "orders", NAMED.replace("name: Orders of ${{ input.day }}", ""))
    assert services.workflows.start(walk.actor, "orders", {"day": "x"}).name == "Orders for the shop"
    services.workflows.save(walk.actor, "greet", "steps: {a: {type: echo}}")
    assert services.workflows.start(walk.actor, "greet", {}).name == "greet"
    job, _ = services.jobs.create(walk.actor, NewJob("workflow-execution", {"definition": definition(a={})}))
    assert job.name == "Workflow"


def test_one_that_goes_on_with_other_input_is_called_after_that(walk: Walk, services: Services) -> None:
    services.workflows.save(walk.actor, "orders", NAMED)
    template, own = (
        services.workflows.start(walk.actor, "orders", {"day": "Monday"}, name=name) for name in (None, "Mine")
    )
    for job, name in ((template, "Orders of Friday"), (own, "Mine")):
        walk.on(job.id)
        services.workflow_runs.resume(walk.actor, job.id, {"day": "Friday"})
        assert walk.on(job.id).name == name


def test_the_error_of_a_run_names_the_step_as_its_page_does(walk: Walk, services: Services) -> None:
    services.workflows.save(walk.actor, "orders", NAMED)
    job = walk.on(services.workflows.start(walk.actor, "orders", {"day": "x"}).id)
    assert job.status == "failed"
    assert job.error["message"].startswith("Count them (a): data.steps:")
