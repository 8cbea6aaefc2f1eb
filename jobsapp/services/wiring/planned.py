"""Schedules, workflows, and presets, which may hold one of them."""

from __future__ import annotations

from dataclasses import dataclass

from jobsapp.services.declared import Declared
from jobsapp.services.firing import Firing
from jobsapp.services.inputs import Inputs
from jobsapp.services.presets import Presets
from jobsapp.services.schedules import Schedules
from jobsapp.services.wiring.given import Given
from jobsapp.services.wiring.jobs import JobServices
from jobsapp.services.workflow_runs import WorkflowRuns
from jobsapp.services.workflows import Workflows


@dataclass(frozen=True)
class PlannedServices:
    """What says beforehand which jobs there will be."""

    schedules: Schedules
    firing: Firing
    declared: Declared
    workflows: Workflows
    workflow_runs: WorkflowRuns
    presets: Presets


def build_planned(given: Given, of: JobServices) -> PlannedServices:
    session, registry, hints = given.session, given.registry, given.hints
    inputs = Inputs(session, of.files)
    firing = Firing(session, of.jobs, of.secrets, hints)
    workflows = Workflows(session, registry, hints, of.jobs)
    return PlannedServices(
        schedules=Schedules(session, registry, inputs, of.secrets, firing, of.jobs.admissions),
        firing=firing,
        declared=Declared(session, registry, inputs, of.secrets, of.jobs.admissions),
        workflows=workflows,
        workflow_runs=WorkflowRuns(session, of.jobs, of.secrets),
        presets=Presets(session, registry, of.files, workflows),
    )
